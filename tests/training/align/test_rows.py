"""Preferences for the baselines: split by prompt, nothing lost without a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.align.arguments import AlignArguments
from training.align.rows import is_held_out, load_rows


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def preference(number: int, **changes: Any) -> dict[str, Any]:
    return {"prompt": f"Ask {number}", "chosen": f"Good {number}.", "rejected": f"Bad {number}.", **changes}


def test_rows_are_split_by_prompt_and_counted_by_reason(base: tuple[Any, Any], tmp_path: Path) -> None:
    rows = [preference(number % 50, chosen=f"Good {number}.") for number in range(100)]
    rows += [preference(100, chosen=" "), preference(101, chosen="Bad 101. "), preference(102, chosen="word " * 600)]
    found = load_rows(AlignArguments(data=written(tmp_path, rows), held_out=0.3), base[1])
    prompts = [{row["prompt"][0]["content"] for row in side} for side in (found.train, found.held_out)]
    assert not prompts[0] & prompts[1]
    assert len(found.train) + len(found.held_out) == 100
    assert found.rejected == {"empty": 1, "same_answers": 1, "too_long": 1}
    assert found.train[0]["chosen"] == [{"role": "assistant", "content": "Good 0."}] or is_held_out("Ask 0", 0.3)


def test_instruction_and_context_are_one_prompt(base: tuple[Any, Any], tmp_path: Path) -> None:
    rows = [{**preference(number), "instruction": f"Sum up {number}", "context": "Text."} for number in range(40)]
    for row in rows:
        del row["prompt"]
    found = load_rows(AlignArguments(data=written(tmp_path, rows), held_out=0.3), base[1])
    assert {row["prompt"][0]["content"] for row in found.train} <= {f"Sum up {number}\nText." for number in range(40)}


def test_the_split_does_not_depend_on_the_order() -> None:
    share = sum(is_held_out(f"prompt {number}", 0.1) for number in range(10_000)) / 10_000
    assert 0.08 < share < 0.12


def test_a_row_without_a_text_is_named(base: tuple[Any, Any], tmp_path: Path) -> None:
    file = written(tmp_path, [preference(1), {"prompt": "x", "chosen": "y"}])
    with pytest.raises(ValueError, match=r"rows\.jsonl, row 2: rejected must be text"):
        load_rows(AlignArguments(data=file), base[1])


def test_nothing_to_measure_on_is_an_error(base: tuple[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 to measure on"):
        load_rows(AlignArguments(data=written(tmp_path, [preference(1)]), held_out=0.0), base[1])
