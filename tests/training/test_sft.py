"""The whole training run, small: real trainer, a tiny Llama with the real tokenizer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training.ship import ship

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
SUBJECTS = ("tea", "rain", "bridges", "bees", "maps", "chess", "salt", "trains", "clouds", "bread", "owls", "ink")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve pairs, one of them over-long and one of a source that is left out."""
    rows = [
        {
            "id": subject,
            "source": "own",
            "prompt": f"tell me about {subject}",
            "optimized_prompt": f"Explain {subject} in depth.",
        }
        for subject in SUBJECTS
    ]
    rows[3]["optimized_prompt"] += " and more" * 400
    rows[4]["source"] = "bpo"
    for name in ("train", "val"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def arguments(base: Path, data: Path, out: Path) -> list[str]:
    return [
        "--config", str(RECIPES / "lora-cpu.yaml"),
        "--base", str(base), "--data", str(data), "--output_dir", str(out),
        "--per_device_train_batch_size", "2", "--max_steps", "6", "--save_steps", "3", "--logging_steps", "1",
        "--bf16", "false", "--keep_and_add", "false",
    ]  # fmt: skip


def run(base: Path, data: Path, out: Path, *flags: str) -> dict[str, Any]:
    from training.sft import main

    main([*arguments(base, data, out), *flags])
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_resumes_bit_for_bit_and_its_manifest_tells_everything(
    tiny_base: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.chdir(Path(__file__).parents[2])
    whole = run(tiny_base, pairs, tmp_path / "whole")
    interrupted = tmp_path / "interrupted"
    run(tiny_base, pairs, interrupted)
    for file in ("manifest.json", "adapter_model.safetensors"):
        (interrupted / file).unlink()
    shutil.rmtree(interrupted / "checkpoint-6")
    resumed = run(tiny_base, pairs, interrupted)
    assert resumed["files"] == whole["files"]
    assert whole["data"]["train"] == {"kept": 10, "excluded_source": 1, "contract:within_length": 1}
    assert whole["data"]["val"] == {"kept": 10, "excluded_source": 1, "too_long": 1}
    assert whole["results"]["val_loss_after"]["nats_per_token"] < whole["results"]["val_loss_before"]["nats_per_token"]
    assert {"torch", "transformers", "trl", "peft"} <= set(whole["versions"])
    assert whole["settings"]["seed"] == 20261122
    with pytest.raises(ValueError, match="lora_r"):
        run(tiny_base, pairs, interrupted, "--lora_r", "4")


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_two_processes_equal_one_at_the_same_global_batch(
    tiny_base: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    flags = ["--train_sampling_strategy", "random", "--per_device_train_batch_size"]
    # Ten rows in batches of two: where a last batch is short, the processes fill theirs up with rows seen before.
    one = run(tiny_base, pairs, tmp_path / "one", *flags, "2")
    out = tmp_path / "two"
    launch = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29571",
        "-m", "training.sft", *arguments(tiny_base, pairs, out), *flags, "1", "--processes", "2",
    ]  # fmt: skip
    finished = subprocess.run(launch, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    two = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    losses = [[entry["loss"] for entry in manifest["results"]["log"]] for manifest in (one, two)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert len(losses[0]) == 6


@pytest.mark.slow
def test_another_number_of_processes_than_asked_for_is_an_error(tiny_base: Path, pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asked for 2 processes, running in 1"):
        run(tiny_base, pairs, tmp_path / "out", "--processes", "2")


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_a_run_stops_when_validation_gains_no_more_and_its_card_tells(
    tiny_base: Path, pairs: Path, tmp_path: Path
) -> None:
    manifest = run(
        tiny_base, pairs, tmp_path / "out", "--learning_rate", "30", "--max_steps", "40", "--patience", "2",
        "--eval_strategy", "steps", "--eval_steps", "2", "--save_steps", "2", "--load_best_model_at_end", "true",
        "--metric_for_best_model", "eval_loss",
    )  # fmt: skip
    assert manifest["results"]["steps"] < 40
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert manifest["files"]["adapter_model.safetensors"]["sha256"] in card
    assert "| excluded_source | 1 |" in card
    assert not list((tmp_path / "out").glob("*.bin"))


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("[!s]*.yaml")), ids=lambda file: file.name)  # not second-cpu
def test_every_recipe_is_understood(recipe: Path, pairs: Path, tmp_path: Path) -> None:
    from trl import SFTConfig, TrlParser

    from training.config import OptimizerArguments

    here = ["--data", str(pairs), "--output_dir", str(tmp_path), "--bf16", "false", "--use_cpu", "true"]
    args, sft = TrlParser((OptimizerArguments, SFTConfig)).parse_args_and_config(["--config", str(recipe), *here])
    assert sft.warmup_steps == 0.1
    assert "{prompt}" in args.user
    assert args.max_row_tokens <= sft.max_length


def test_an_unfinished_run_cannot_be_shipped(tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"manifest\.json, bpo\.json"):
        ship(tmp_path, tmp_path / "weights")
