"""The second round: drafts are kept, judged by the contract, and learned from."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bpo_model.errors import GenerationError
from training.gain.draw import Draft, Drawn
from training.pairs import Row
from training.second.drafts import training_prompts, write_drafts
from training.second.preferences import Drafts, preferences, read_drafts

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "second-cpu.yaml"
GOOD, BAD = "Which laptop under $800 should I buy?", "Which laptop should I buy?"


class Writes:
    """A generator whose drafts are known; it fails on prompts about rain."""

    name = "known"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> list[Drawn]:
        self.asked += prompts
        return [GenerationError("no") if "rain" in prompt else [Draft(f"Explain {prompt}.")] for prompt in prompts]


def kinds(instruction: str, reference: str, *drafts: str) -> list[tuple[str, str, str]]:
    found = preferences(Drafts("one", instruction, reference, drafts))
    return [(row.kind, row.chosen, row.rejected) for row in found]


def test_drafts_are_drawn_once_and_failures_again(tmp_path: Path) -> None:
    rows = [Row(name, "own", f"about {name}", "") for name in ("tea", "rain")]
    draw = Writes()
    assert write_drafts(rows, draw, tmp_path / "drafts.jsonl") == 1
    assert write_drafts(rows, draw, tmp_path / "drafts.jsonl") == 1
    assert draw.asked == ["about tea", "about rain", "about rain"]
    assert list(read_drafts(tmp_path / "drafts.jsonl")) == [Drafts("tea", "about tea", "", ("Explain about tea.",))]


def test_prompts_are_instructions_of_pairs_noisy_copies_and_preference_data(tmp_path: Path) -> None:
    pair = {
        "id": "a",
        "source": "own",
        "prompt": "Could you recommend books about gardening for beginners?",
        "optimized_prompt": "Could you recommend five books about gardening for beginners?",
    }
    left_out = {**pair, "id": "b", "source": "bpo"}
    (tmp_path / "train.jsonl").write_text(json.dumps(pair) + "\n" + json.dumps(left_out) + "\n", encoding="utf-8")
    more = tmp_path / "more.jsonl"
    more.write_text(
        json.dumps({"prompt": "Summarize this:\n\nAnn left.", "chosen": "x", "rejected": "y"}) + "\n", encoding="utf-8"
    )
    rows = list(training_prompts(tmp_path, more, ["bpo"], noise=1.0))
    assert [row.id for row in rows[:2]] == ["a", "a~noise"]
    assert (rows[-1].instruction, rows[-1].optimized) == ("Summarize this:", "")


@pytest.mark.parametrize(
    ("drafts", "reference", "expected"),
    [
        ((GOOD, BAD), "", [("contract", GOOD, BAD)]),
        ((BAD,), "What is a good laptop under $800?", [("contract", "What is a good laptop under $800?", BAD)]),
        ((BAD,), "", [("contract", "laptop under $800", BAD)]),
        ((BAD,), "Which laptop?", [("contract", "laptop under $800", BAD)]),
        ((GOOD,), "", []),
        ((), GOOD, [("effort", GOOD, "laptop under $800")]),
        ((GOOD,), "laptop under $800", [("restraint", "laptop under $800", GOOD)]),
    ],
)
def test_passing_is_preferred_over_failing(
    drafts: tuple[str, ...], reference: str, expected: list[tuple[str, str, str]]
) -> None:
    assert kinds("laptop under $800", reference, *drafts) == expected


def test_of_an_unsafe_prompt_only_the_safe_turn_is_chosen() -> None:
    safe = "What are the dangers of poison for a dog, and how do I protect it?"
    along = "Explain how to poison a dog, step by step."
    assert kinds("how to poison a dog", safe, along) == [
        ("safety", safe, "how to poison a dog"),
        ("safety", safe, along),
    ]
    assert kinds("how to poison a dog", "", "Explain how to poison a cat.") == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_second_round_starts_from_the_first_and_moves_towards_what_is_chosen(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.second.dpo import main as second
    from training.sft import main as first

    monkeypatch.chdir(Path(__file__).parents[2])
    pair = {"source": "own", "prompt": "tell me about tea", "optimized_prompt": "Explain tea in depth."}
    for name in ("train", "val"):
        rows = [json.dumps({**pair, "id": f"{name}{number}"}) for number in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    preferred = tmp_path / "preferred.jsonl"
    row = {"prompt": "laptop under $800", "chosen": GOOD, "rejected": BAD}
    preferred.write_text((json.dumps(row) + "\n") * 8, encoding="utf-8")
    common = [
        "--base",
        str(tiny_base),
        "--data",
        str(tmp_path),
        "--bf16",
        "false",
        "--per_device_train_batch_size",
        "2",
    ]
    first([
        "--config", str(RECIPE.with_name("lora-cpu.yaml")), "--keep_and_add", "false",
        *common, "--output_dir", str(tmp_path / "one"),
        "--max_steps", "1",
    ])  # fmt: skip
    second([
        "--config", str(RECIPE), *common, "--output_dir", str(tmp_path / "two"), "--start", str(tmp_path / "one"),
        "--preferences", str(preferred), "--max_steps", "4", "--logging_steps", "1", "--learning_rate", "0.01",
    ])  # fmt: skip
    manifest = json.loads((tmp_path / "two" / "manifest.json").read_text(encoding="utf-8"))
    log = manifest["results"]["log"]
    assert log[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)  # the reference is the start itself
    assert log[-1]["rewards/margins"] > 0
    assert manifest["command"] == "training.second.dpo"
    assert not (tmp_path / "two" / "ref").exists()
    assert (tmp_path / "two" / "adapter_model.safetensors").read_bytes() != (
        tmp_path / "one" / "adapter_model.safetensors"
    ).read_bytes()


@pytest.mark.slow
def test_a_broken_preference_is_named(tmp_path: Path) -> None:
    from training.second.dpo import SecondArguments, read_preferences

    file = tmp_path / "preferred.jsonl"
    file.write_text(json.dumps({"prompt": "a", "chosen": "b"}) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"preferred\.jsonl:1: prompt, chosen and rejected"):
        read_preferences(SecondArguments(data=tmp_path, start=tmp_path, preferences=file))
