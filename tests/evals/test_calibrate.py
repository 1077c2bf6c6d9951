"""Judges that are functions, on pairs whose better answer is known."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.judging import PAIRWISE
from bpo_model.compare.store import Store
from bpo_model.compare.types import Item, Reply
from evals.winrate.calibrate import Calibration, calibrate

ITEMS = [
    Item(f"bpo_test/{n}", "bpo_test", f"question {n}", "", *(("good", "bad" * 9) if n % 3 else ("good" * 9, "bad")))
    for n in range(60)
]


def checked(folder: Path, verdict: Any) -> Calibration:
    async def chat(messages: Any, **params: Any) -> Reply:
        shown = next(turn["content"] for turn in messages if "<<<ANSWER " in turn["content"])  # not the reminder
        parts = shown.split("<<<ANSWER ")[1:]
        first, second = (part.split(">>>\n", 1)[1].split("\n<<<END")[0] for part in parts)
        return Reply(verdict(first, second))

    with Store(folder, "sha") as store:
        return asyncio.run(calibrate(Judge("j", Model(chat, "m"), PAIRWISE), ITEMS, store))


def test_a_judge_that_agrees_is_at_100(tmp_path: Path) -> None:
    found = checked(tmp_path, lambda first, second: "[[A]]" if "good" in first else "[[B]]")
    assert (found.items, found.agreement, found.low, found.flips, found.first_position) == (60, 100, 100, 0, 50)


def test_a_judge_that_takes_the_first_is_at_50_and_flips_always(tmp_path: Path) -> None:
    found = checked(tmp_path, lambda first, second: "[[A]]")
    assert (found.agreement, found.flips, found.first_position) == (50, 100, 100)


def test_a_judge_that_likes_length_shows_where_the_better_answer_is_shorter(tmp_path: Path) -> None:
    found = checked(tmp_path, lambda first, second: "[[A]]" if len(first) > len(second) else "[[B]]")
    assert (found.agreement_shorter, found.agreement_longer) == (0, 100)
    assert found.low < found.agreement < found.high


def test_verdicts_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    found = checked(tmp_path, lambda first, second: "hm" if first == "bad" else "[[C]]")
    assert found.unjudged == 20
    assert found.agreement == 50
    with pytest.raises(ValueError, match="none of 60 items has a readable verdict"):
        checked(tmp_path / "other", lambda first, second: "hm")
