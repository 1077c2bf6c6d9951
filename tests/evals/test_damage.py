"""Planted damage: it applies where it should, and the report counts both sides."""

import json
import random
from pathlib import Path

import pytest

from evals.damage.__main__ import main, measure
from evals.damage.kinds import KINDS

ROWS = [
    {
        "prompt": 'name 3 uses of {tool} in the city, not "old" ones, for water and "new" people, '
        "which should be cheap",
        "optimized_prompt": 'Name 3 uses of {tool} in the city, not "old" ones, for water and "new" people, '
        "which should be cheap. "
        "Each should be explained so well that even a small child can follow.",
    },
    {"prompt": "why is the sky blue today", "optimized_prompt": "Why is the sky blue today? Explain it simply."},
    {"prompt": "list 5 rivers", "optimized_prompt": "List rivers."},
    {"prompt": "same", "optimized_prompt": "same"},
]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_changes_what_it_applies_to(name: str) -> None:
    prompt, good = ROWS[0]["prompt"], ROWS[0]["optimized_prompt"]
    spoiled = KINDS[name](prompt, good, random.Random(1))
    assert spoiled
    assert spoiled != good
    assert KINDS[name](prompt, good, random.Random(1)) == spoiled


def test_both_sides_are_counted() -> None:
    report = measure(ROWS)
    assert report["good_rewrites_refused"]["n"] == 3
    assert report["good_rewrites_refused"]["count"] == 1
    assert report["damage"]["change_number"]["noticed"] == {
        "n": 1, "count": 1, "share": 1.0, "interval": report["damage"]["change_number"]["noticed"]["interval"],
    }  # fmt: skip
    assert report["damage"]["drop_variable"]["by"] == {"variables_kept": 1}


def test_the_table_has_a_line_for_each_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    assert main([str(file)]) == 0
    said = capsys.readouterr().out
    assert all(f"| {name} |" in said for name in KINDS)
    assert "good rewrites refused" in said
