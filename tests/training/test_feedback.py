"""What users kept becomes training data that the trainers read, and that says what the users said."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bpo_model.feedback import record
from bpo_model.testing import FakeOptimizer
from training.feedback import export, lesson_of, main
from training.pairs import make_rows, read_pairs

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
SUBJECTS = ("tea", "rain", "bridges", "bees", "maps", "chess", "salt", "trains", "clouds", "bread", "owls", "ink")


def rewrite_of(prompt: str, text: str = "") -> Any:
    return FakeOptimizer(lambda instruction: text or f"{instruction} and explain why it matters.").optimize(prompt)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def preferences(out: Path) -> list[dict[str, Any]]:
    return lines(out / "preferences.jsonl") + lines(out / "preferences-val.jsonl")


def pairs(out: Path) -> list[dict[str, Any]]:
    return lines(out / "train.jsonl") + lines(out / "val.jsonl")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback.jsonl"


@pytest.fixture
def exported(file: Path, tmp_path: Path) -> Path:
    """Twelve prompts, each accepted, edited or reverted."""
    for number, subject in enumerate(SUBJECTS):
        result = rewrite_of(f"tell me about {subject}")
        if number % 3 == 1:
            record(result, "edited", edited=f"Tell me about {subject}, with examples.", file=file)
        else:
            record(result, "accepted" if number % 3 else "reverted", file=file)
    out = tmp_path / "data"
    assert main([str(file), "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("verdict", "edited", "chosen", "rejected"),
    [
        ("accepted", None, "tell me about tea and explain why it matters.", "tell me about tea"),
        ("edited", "Explain tea.", "Explain tea.", "tell me about tea and explain why it matters."),
        ("reverted", None, "tell me about tea", "tell me about tea and explain why it matters."),
    ],
)
def test_each_action_says_which_of_two_rewrites_is_better(
    file: Path, tmp_path: Path, verdict: Any, edited: str | None, chosen: str, rejected: str
) -> None:
    record(rewrite_of("tell me about tea"), verdict, edited=edited, file=file)
    export(file, tmp_path)
    (row,) = preferences(tmp_path)
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("tell me about tea", chosen, rejected)
    assert [pair["optimized_prompt"] for pair in pairs(tmp_path)] == ([] if verdict == "reverted" else [chosen])


def test_context_is_in_the_pair_and_never_in_the_preference(file: Path, tmp_path: Path) -> None:
    prompt = "  Summarize this e-mail.\n\nHi Jo,\nthe pump broke.\n"
    result = rewrite_of(prompt)
    record(result, "accepted", file=file)
    export(file, tmp_path)
    assert "pump" not in json.dumps(preferences(tmp_path))
    (pair,) = pairs(tmp_path)
    assert (pair["prompt"], pair["optimized_prompt"], pair["source"]) == (prompt, result.text, "feedback")


@pytest.mark.parametrize(
    ("prompt", "edited", "reason"),
    [
        ("best laptop under $800", "What is the best laptop?", "contract:numbers_kept"),
        ("Summarize this e-mail.\n\nHi Jo,\nthe pump broke.", "Summarize the mail about the pump.", "context_changed"),
        ("tell me about tea", " tell me about tea and explain why it matters. ", "no_difference"),
        ("tell me about <|im_end|> tokens", "Explain <|im_end|> tokens.", "template_text"),
    ],
)
def test_what_the_optimizer_must_not_learn_is_left_out_by_name(
    file: Path, tmp_path: Path, prompt: str, edited: str, reason: str
) -> None:
    record(rewrite_of(prompt), "edited", edited=edited, file=file)
    counts = export(file, tmp_path)
    assert counts["left_out"][reason] == 1
    assert preferences(tmp_path) == pairs(tmp_path) == []
    assert main([str(file), "--out", str(tmp_path)]) == 1


def test_the_latest_verdict_wins(file: Path, tmp_path: Path) -> None:
    result = rewrite_of("tell me about tea")
    for verdict in ("accepted", "accepted", "reverted"):
        record(result, verdict, file=file)
    counts = export(file, tmp_path)
    assert [row["kind"] for row in preferences(tmp_path)] == ["reverted"]
    assert pairs(tmp_path) == []
    assert counts["left_out"]["superseded"] == 2
    assert counts["verdicts"] == {"accepted": 2, "reverted": 1}


def test_two_texts_are_never_each_better_than_the_other(file: Path, tmp_path: Path) -> None:
    first, second = "Explain tea.", "Describe tea."
    record(rewrite_of("tell me about tea", first), "edited", edited=second, file=file)
    record(rewrite_of("tell me about tea", second), "edited", edited=first, file=file)
    counts = export(file, tmp_path)
    (row,) = preferences(tmp_path)
    assert (row["chosen"], row["rejected"]) == (first, second)
    assert counts["left_out"]["repeated"] == 1
    assert [pair["optimized_prompt"] for pair in pairs(tmp_path)] == [first]


def test_the_trainers_keep_every_exported_row(exported: Path) -> None:
    for name in ("train", "val"):
        rows = make_rows(read_pairs(exported / f"{name}.jsonl"), verified=True)
        assert rows.rejected == {}
        assert len(rows.kept) > 0
    assert len(pairs(exported)) == 8
    assert len(preferences(exported)) == 12
    counts = json.loads((exported / "counts.json").read_text(encoding="utf-8"))
    assert counts["preferences"]["train"] + counts["preferences"]["val"] == counts["rows"] == 12


def test_no_prompt_is_on_both_sides(exported: Path) -> None:
    sides = [
        {row["prompt"] for name in names for row in lines(exported / f"{name}.jsonl")}
        for names in (("train", "preferences"), ("val", "preferences-val"))
    ]
    assert all(sides)
    assert sides[0].isdisjoint(sides[1])


def test_the_same_file_gives_the_same_bytes(exported: Path, file: Path, tmp_path: Path) -> None:
    export(file, tmp_path / "again")
    for path in exported.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    assert exported.stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_optimizer_learns_from_an_exported_file(
    exported: Path, base: tuple[Any, Any], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bpo_model.checkpoint import load_checkpoint
    from training.second import dpo
    from training.sft import main as sft

    monkeypatch.chdir(RECIPES.parents[1])
    common = ["--base", str(tiny_base), "--data", str(exported), "--bf16", "false", "--logging_steps", "1"]
    whole = ["--keep_and_add", "false"]
    steps = ["--max_steps", "4", "--per_device_train_batch_size", "2", "--save_steps", "4"]
    first, second = tmp_path / "first", tmp_path / "second"
    sft(["--config", str(RECIPES / "lora-cpu.yaml"), "--output_dir", str(first), *common, *whole, *steps])
    losses = json.loads((first / "manifest.json").read_text(encoding="utf-8"))["results"]
    assert losses["val_loss_after"]["nats_per_token"] < losses["val_loss_before"]["nats_per_token"]
    file = exported / "preferences.jsonl"
    row = dpo.read_preferences(dpo.SecondArguments(data=exported, start=first, preferences=file))[0]
    seen = base[1].apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
    assert seen == str(load_checkpoint().template.render(lines(file)[0]["prompt"]))  # as at run time
    dpo.main([
        "--config", str(RECIPES / "second-cpu.yaml"), "--start", str(first), "--output_dir", str(second),
        "--preferences", str(file), "--learning_rate", "1e-2", "--loss_type", "sigmoid",
        "--loss_weights", "1.0", *common, *steps,
    ])  # fmt: skip
    log = json.loads((second / "manifest.json").read_text(encoding="utf-8"))["results"]["log"]
    assert log[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert log[-1]["loss"] < log[0]["loss"]


def test_a_row_is_split_as_today() -> None:
    from bpo_model.feedback import Feedback, Verdict

    row = Feedback(
        verdict=Verdict.ACCEPTED, prompt="tell me about tea", instruction=(0, 4), rewrite="Explain tea.",
        kept="Explain tea.", optimizer="", identity="", time="",
    )  # fmt: skip
    lesson = lesson_of(row)
    assert not isinstance(lesson, str)
    assert lesson.instruction == "tell me about tea"
