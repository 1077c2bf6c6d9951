"""Fine-tuning on a build: real trainer, a tiny Llama with the real tokenizer."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.augment.conftest import AnswerServer
from tests.training.data.teacher_server import Canned, saying
from training.augment.__main__ import main

RECIPES = Path(__file__).parents[3] / "training" / "recipes" / "augment"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def built(settings: Callable[..., Path], llm: AnswerServer) -> Path:
    """Rows that the optimizer leaves alone; an answer of the data and one of the LLM are long, one a special token."""
    rows = [
        {"id": str(number), "prompt": f"What is {number} * {number + 1}?", "response": "A" * (number % 5 + 1)}
        for number in range(24)
    ]
    rows[3]["response"], rows[4]["response"] = "long " * 600, "<|im_end|>"
    llm.canned = {rows[5]["prompt"]: Canned(200, saying("long " * 600))}
    file = settings(rows)
    assert main(["build", str(file), "--out", str(file.parent / "out")]) == 0
    return file.parent / "out" / "data"


def run(base: Path, data: Path, out: Path, *flags: str) -> dict[str, Any]:
    main([
        "train", "--config", str(RECIPES / "cpu.yaml"), "--base", str(base), "--data", str(data),
        "--output_dir", str(out), "--bf16", "false", "--max_steps", "2", "--save_steps", "1",
        "--learning_rate", "0.01", *flags,
    ])  # fmt: skip
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.mark.heavy
def test_runs_on_two_files_differ_in_their_answers_only_and_resume(
    tiny_base: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(RECIPES.parents[2])
    one = run(tiny_base, built / "original.jsonl", tmp_path / "one")
    other = run(tiny_base, built / "reconstructed.jsonl", tmp_path / "other")
    assert one["rows"] == other["rows"]
    assert (one["rows"]["too_long"], one["rows"]["special_token"]) == (2, 1)
    assert one["rows"]["train"] + one["rows"]["held_out"] == 21
    assert one["results"]["before"] == other["results"]["before"]
    assert set(one["results"]["after"]) == {"original", "reconstructed", "control"}
    for arm, found in (("original", one), ("reconstructed", other)):
        losses = [found["results"][when][arm]["nats_per_token"] for when in ("before", "after")]
        assert losses[1] < losses[0]
    assert one["results"]["after"] != other["results"]["after"]
    assert not list(tmp_path.glob("*/*.bin"))

    (tmp_path / "one" / "adapter_model.safetensors").unlink()
    shutil.rmtree(tmp_path / "one" / "checkpoint-2")
    assert run(tiny_base, built / "original.jsonl", tmp_path / "one")["files"] == one["files"]
    with pytest.raises(ValueError, match="data_sha256"):
        run(tiny_base, built / "control.jsonl", tmp_path / "one")


def test_the_held_out_prompts_are_in_no_training_row_and_a_limit_is_a_part(tiny_base: Path, built: Path) -> None:
    from transformers import AutoTokenizer

    from training.augment.rows import load_rows
    from training.augment.train import TrainArguments

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    rows, few = (
        load_rows(TrainArguments(data=built / "reconstructed.jsonl", held_out=0.3, limit=limit), tokenizer, seed=1)
        for limit in (0, 5)
    )
    taught = [row["prompt"][0]["content"] for row in rows.train]
    for held_out in rows.held_out.values():
        assert not {row["prompt"][0]["content"] for row in held_out} & set(taught)
    assert few.train == rows.train[:5]
    assert few.held_out == rows.held_out
    assert taught != sorted(taught)


def test_data_that_is_not_what_its_manifest_says_is_refused(tiny_base: Path, built: Path, tmp_path: Path) -> None:
    with (built / "control.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=r"no file of a finished build.*control\.jsonl: changed"):
        run(tiny_base, built / "original.jsonl", tmp_path / "out")
    with pytest.raises(ValueError, match="asked for 4 processes, running in 1"):
        run(tiny_base, built / "original.jsonl", tmp_path / "out", "--processes", "4")


def test_a_base_model_without_a_template_gets_headings(tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    from training.augment.train import TEMPLATE

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.chat_template = TEMPLATE
    turns = [{"role": "user", "content": "Why?\nNow"}, {"role": "assistant", "content": "So."}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert text.removeprefix(tokenizer.bos_token) == (
        f"### Instruction:\nWhy?\nNow\n\n### Response:\nSo.{tokenizer.eos_token}"
    )
    assert text.startswith(tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True))
    ids = [
        tokenizer.apply_chat_template(turns[:count], add_generation_prompt=count == 1, return_dict=False)
        for count in (1, 2)
    ]
    assert ids[1][: len(ids[0])] == ids[0]


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_recipe_is_understood(recipe: Path, tmp_path: Path) -> None:
    from trl import SFTConfig, TrlParser

    from training.augment.train import TrainArguments

    here = ["--data", str(tmp_path), "--output_dir", str(tmp_path), "--bf16", "false", "--use_cpu", "true"]
    args, config = TrlParser((TrainArguments, SFTConfig)).parse_args_and_config(["--config", str(recipe), *here])
    assert args.max_row_tokens <= config.max_length
    if recipe.stem.startswith("alpaca"):  # Stanford's values
        batch = args.processes * config.per_device_train_batch_size * config.gradient_accumulation_steps
        assert (batch, config.learning_rate, config.num_train_epochs) == (128, 2e-5, 3)
        assert (config.warmup_steps, args.limit) == (0.03, 1000 if recipe.stem == "alpaca-1k" else 0)
