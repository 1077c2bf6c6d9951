"""The whole training run, small: real trainer, a tiny Llama with the real tokenizer."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.ship import ship

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


def run(base: Path, data: Path, out: Path, *flags: str) -> dict[str, Any]:
    from training.sft import main

    main([
        "--config", "training/recipes/lora-cpu.yaml",
        "--base", str(base), "--data", str(data), "--output_dir", str(out),
        "--per_device_train_batch_size", "2", "--max_steps", "6", "--save_steps", "3", "--logging_steps", "1",
        "--bf16", "false", *flags,
    ])  # fmt: skip
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
    assert whole["data"]["train"] == {"kept": 10, "excluded_source": 1, "too_long": 1}
    assert whole["data"]["rejected"]["bees"] == "too_long"
    assert whole["results"]["val_loss_after"]["nats_per_token"] < whole["results"]["val_loss_before"]["nats_per_token"]
    assert {"torch", "transformers", "trl", "peft"} <= set(whole["versions"])
    assert whole["settings"]["seed"] == 20261122
    with pytest.raises(ValueError, match="lora_r"):
        run(tiny_base, pairs, interrupted, "--lora_r", "4")


def test_an_unfinished_run_cannot_be_shipped(tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"manifest\.json, bpo\.json"):
        ship(tmp_path, tmp_path / "weights")
