"""A whole run against models that are functions: what is called, what is kept, what comes out."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.chat import ChatError
from bpo_model.compare.judging import PAIRWISE
from bpo_model.compare.stats import summarize
from bpo_model.compare.store import Store
from bpo_model.compare.types import Arm, Item, Judgment, Message, Reply
from bpo_model.testing import FakeOptimizer
from evals.winrate.experiments import Row
from evals.winrate.results import load_verdicts, report, save_verdicts
from evals.winrate.run import Setup, run
from evals.winrate.via import VIAS

ITEMS = [
    Item(f"{name}/{number}", name, f"tell me about topic {number} of {name}")
    for name, count in (("vicuna", 12), ("dolly", 18))
    for number in range(count)
]
ROW = Row("gpt-3.5-turbo", Arm("bpo", "bpo", "t"), Arm("none", "none", "t"))


class Counted:
    """A chat that is a function of the last message, and counts."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer, self.calls = answer, 0
        self.asked: list[str] = []

    async def __call__(self, messages: Sequence[Message], **params: Any) -> Reply:
        self.calls += 1
        text = str(messages[-1]["content"])
        self.asked.append(text)
        await asyncio.sleep(0)
        return Reply(self.answer(text), model="served", tokens_in=10, tokens_out=5)


def answers(text: str) -> str:
    """Longer for a longer prompt."""
    return f"Answer to: {text}" + " more" * (len(text) // 10)


def shown(text: str) -> tuple[str, str]:
    """The two answers as the judge sees them."""
    parts = text.split("<<<ANSWER ")[1:]
    return parts[0].split(">>>\n", 1)[1].split("\n<<<END")[0], parts[1].split(">>>\n", 1)[1].split("\n<<<END")[0]


def first_always(text: str) -> str:
    return "[[A]]"


def prefers_rewrites(text: str) -> str:
    first, _ = shown(text)
    return "[[A]]" if "Please" in first else "[[B]]"


def longer(text: str) -> str:
    first, second = shown(text)
    return "[[A]]" if len(first) > len(second) else "[[B]]"


def setup(judge: Counted, target: Counted, **changes: Any) -> Setup:
    optimizer, via = changes.pop("optimizer", None) or FakeOptimizer(), changes.pop("via", "raw")
    template = changes.pop("template", PAIRWISE)
    made = Setup(
        "table3", [ROW], ITEMS, {"t": Model(target, "target-model")},
        [Judge("j", Model(judge, "judge-model"), template)],
        lambda iterations: VIAS[via](optimizer, iterations), via, "fake",
    )  # fmt: skip
    return replace(made, **changes)


def judged(folder: Path, made: Setup) -> list[Judgment]:
    with Store(folder, "sha") as store:
        return asyncio.run(run(made, store))


def test_a_judge_that_takes_the_first_answer_finds_nothing(tmp_path: Path) -> None:
    both = summarize(judged(tmp_path / "both", setup(Counted(first_always), Counted(answers))), seed=0, resamples=500)
    assert both.items.macro.dwr == 0
    assert both.conservative
    assert both.conservative.macro.tie == 100
    assert both.diagnostics.first_position == 100
    one = setup(Counted(first_always), Counted(answers), both_orders=False)
    single = summarize(judged(tmp_path / "one", one), seed=0, resamples=500)
    assert single.items.macro.low <= 0 <= single.items.macro.high


def test_swapping_the_arms_turns_the_sign(tmp_path: Path) -> None:
    for folder, row, sign in (("ab", ROW, 1), ("ba", Row("gpt-3.5-turbo", ROW.b, ROW.a), -1)):
        made = setup(Counted(prefers_rewrites), Counted(answers), rows=[row])
        assert summarize(judged(tmp_path / folder, made), seed=0, resamples=200).items.macro.dwr == 100 * sign


def test_nothing_is_called_twice_and_one_order_is_part_of_both(tmp_path: Path) -> None:
    judge, target = Counted(longer), Counted(answers)
    judged(tmp_path, setup(judge, target, both_orders=False))
    assert (judge.calls, target.calls) == (30, 60)
    judged(tmp_path, setup(judge, target))
    assert (judge.calls, target.calls) == (60, 60)
    judged(tmp_path, setup(judge, target))
    assert (judge.calls, target.calls) == (60, 60)


def test_every_adapter_gives_the_same_calls(tmp_path: Path) -> None:
    judge, target = Counted(longer), Counted(answers)
    first = [judged(tmp_path, setup(judge, target, via=via)) for via in VIAS]
    assert (judge.calls, target.calls) == (60, 60)
    assert first[0] == first[1] == first[2] == first[3]


def test_another_judge_text_repeats_only_judgments_and_another_rewriter_all_behind_it(tmp_path: Path) -> None:
    judge, target = Counted(longer), Counted(answers)
    judged(tmp_path, setup(judge, target))
    judged(tmp_path, setup(judge, target, template=replace(PAIRWISE, user=PAIRWISE.user + " ")))
    assert (judge.calls, target.calls) == (120, 60)
    other = FakeOptimizer(lambda text: f"{text} Give an example.")
    judged(tmp_path, setup(judge, target, optimizer=other, via="raw", seed=1))
    assert (judge.calls, target.calls) == (180, 90)


def test_equal_answers_are_ties_without_a_call(tmp_path: Path) -> None:
    judge = Counted(longer)
    found = judged(tmp_path, setup(judge, Counted(answers), optimizer=FakeOptimizer(lambda text: text)))
    assert {(one.status, one.winner, one.changed) for one in found} == {("identical", "tie", False)}
    assert judge.calls == 0


def test_the_judge_sees_the_original_question_only(tmp_path: Path) -> None:
    judge = Counted(longer)
    judged(tmp_path, setup(judge, Counted(lambda text: "short" if "Please" in text else "a bit longer")))
    assert all("Please explain" not in asked for asked in judge.asked)


def test_a_call_that_fails_is_an_error_and_is_tried_again(tmp_path: Path) -> None:
    broken = {"on": True}

    def sometimes(text: str) -> str:
        if broken["on"] and "topic 3 of vicuna" in text:
            raise ChatError("down", 500, 6)
        return answers(text)

    judge, target = Counted(longer), Counted(sometimes)
    found = judged(tmp_path, setup(judge, target))
    assert {one.item for one in found if one.status == "error"} == {"vicuna/3"}
    broken["on"] = False
    calls = judge.calls
    assert {one.status for one in judged(tmp_path, setup(judge, target))} == {"ok"}
    assert judge.calls == calls + 2


def test_a_spent_budget_stops_and_keeps_what_there_is(tmp_path: Path) -> None:
    answered: list[str] = []

    def broke(text: str) -> str:
        if len(answered) == 10:
            raise BudgetSpentError("$1 of $1 are spent")
        answered.append(text)
        return longer(text)

    target = Counted(answers)
    with pytest.raises(BudgetSpentError, match="are spent"):
        judged(tmp_path, setup(Counted(broke), target))
    again = Counted(longer)
    judged(tmp_path, setup(again, target))
    assert again.calls == 50
    assert target.calls == 60


def test_the_report_is_the_same_whatever_ended_first(tmp_path: Path) -> None:
    texts = []
    for name, items in (("one", ITEMS), ("two", ITEMS[::-1])):
        folder = tmp_path / name / "run"
        with Store(folder, "sha") as store:
            found = asyncio.run(run(setup(Counted(longer), Counted(answers), items=items), store))
        save_verdicts(folder, found)
        assert report(folder, seed=0, resamples=300) == 0
        texts.append(json.loads((folder / "report.json").read_text(encoding="utf-8"))["comparisons"])
    assert texts[0] == texts[1]


def test_the_report_has_numbers_provenance_and_pairs_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Store(folder, "the-sha", {"git": "abc", "date": "2026-11-23"}) as store:
        save_verdicts(folder, asyncio.run(run(setup(Counted(first_always), Counted(answers)), store)))
    assert report(folder, seed=0, resamples=300) == 0
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert all(part in text for part in ("+22.0", "served", "the-sha", '"git": "abc"', "first position"))
    assert "j changes its mind with the order of the answers in 100% of the items" in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<details>") == 20
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert len(load_verdicts(folder)) == 60


def test_unreadable_verdicts_are_counted_and_bounded(tmp_path: Path) -> None:
    def mumbles(text: str) -> str:
        return "Hard to say." if "topic 1 of vicuna" in text or "no decision" in text else longer(text)

    with Store(tmp_path / "run", "sha") as store:
        found = asyncio.run(run(setup(Counted(mumbles), Counted(answers)), store))
    save_verdicts(tmp_path / "run", found)
    summary = summarize(found, seed=0, resamples=200)
    assert summary.diagnostics.invalid > 0
    assert summary.bounds[0] < summary.items.macro.dwr
    assert report(tmp_path / "run", seed=0, resamples=200) == 3


def test_rows_of_several_iterations_get_a_curve(tmp_path: Path) -> None:
    rows = [Row(f"iteration {often}", Arm(f"x{often}", "bpo", "t", often), ROW.b) for often in (1, 2, 3)]
    with Store(tmp_path, "sha") as store:
        save_verdicts(tmp_path, asyncio.run(run(setup(Counted(longer), Counted(answers), rows=rows), store)))
    report(tmp_path, seed=0, resamples=200)
    assert "Delta win rate by iteration (j)" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_tokens_of_answers_that_were_asked_for_again_are_counted(tmp_path: Path) -> None:
    for _ in range(2):  # no verdict is readable, so that the second run asks for all of them again
        with Store(tmp_path, "sha") as store:
            save_verdicts(tmp_path, asyncio.run(run(setup(Counted(lambda text: "Hm."), Counted(answers)), store)))
    facts = json.loads((tmp_path / "report.json").read_text()) if report(tmp_path, seed=0, resamples=200) else {}
    assert facts["calls"] == {"answers": 60, "judge replies": 2 * 2 * 60}
