"""The search of OPRO against models that are functions: what it shows, keeps, counts and finds."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.chat import ChatError
from bpo_model.compare.judging import PAIRWISE
from bpo_model.compare.store import Store
from bpo_model.compare.types import Item, Message, Reply
from evals.opro.metrics import checked, judged
from evals.opro.recorded import Recorded
from evals.opro.search import INITIAL, Outcome, Settings, compare, search

WORDS = ("briefly", "exactly", "kindly", "plainly")
"""An instruction is the better the more of these it has."""
ITEMS = [Item(f"t/{number}", "t", f"tell me code number {number}") for number in range(20)]
CHECKS = {item.id: {"name": "contains", "args": {"texts": [f"code-{item.id}"]}} for item in ITEMS}


class World:
    """A target that follows good instructions, a proposer that adds a word to the best one, a judge of length."""

    def __init__(self, fails: Callable[[str], Exception | None] = lambda text: None) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.fails = fails

    def model(self, role: str, **params: Any) -> Model:
        answer = {"target": self.target, "proposer": self.proposer, "judge": self.judge}[role]

        async def chat(messages: Sequence[Message], **sent: Any) -> Reply:
            text = str(messages[-1]["content"])
            self.calls.append((role, text, sent))
            await asyncio.sleep(0)
            if error := self.fails(text):
                raise error
            return Reply(answer(text), model="served", tokens_in=10, tokens_out=5)

        return Model(chat, f"{role}-model", params)

    def count(self, role: str) -> int:
        return sum(called == role for called, _, _ in self.calls)

    def target(self, text: str) -> str:
        """One item in five needs no word, one needs one, and so on."""
        instruction, _, prompt = text.rpartition("\n")
        number = int(prompt.split()[-1])
        good = sum(word in instruction for word in WORDS)
        return f"it is code-t/{number}" if good >= number % 5 else "no"

    def proposer(self, text: str) -> str:
        """The last that was tried, which is the best, with one word more."""
        tried = text.split("Here are some of the requests")[0].strip().rpartition("score ")[2].partition(":\n")[2]
        missing = [word for word in WORDS if word not in tried] or ["briefly"]
        return f"Why not <instruction>{tried} {missing[self.count('proposer') % len(missing)]}</instruction>?"

    def judge(self, text: str) -> str:
        first, second = (part.split(">>>\n", 1)[1].split("\n<<<END")[0] for part in text.split("<<<ANSWER ")[1:])
        return "[[A]]" if len(first) > len(second) else "[[B]]"


def searched(
    folder: Path, world: World, settings: Settings, max_calls: int | None = None, **params: Any
) -> tuple[Outcome, Recorded]:
    """A search scored by code, in a folder."""

    async def run(store: Store) -> tuple[Outcome, Recorded]:
        calls = Recorded(store, max_calls)
        metric = checked(calls, world.model("target", **params), CHECKS)
        try:
            return await search(calls, world.model("proposer", **params), metric, ITEMS, settings), calls
        finally:
            await calls.finish()

    with Store(folder, "sha", keep_invalid=True) as store:
        return asyncio.run(run(store))


def test_the_search_climbs_to_the_best_instruction(tmp_path: Path) -> None:
    outcome, _ = searched(tmp_path, World(), Settings(4, 3))
    first, last = outcome.trajectory[0], outcome.best
    assert (first.instruction, first.score, first.n) == (INITIAL, 0.2, 20)
    assert last.score == 1.0
    assert all(word in last.instruction for word in WORDS)
    assert [max(one.score for one in outcome.trajectory if one.step == step) for step in range(5)] == [
        0.2, 0.4, 0.6, 0.8, 1.0,
    ]  # fmt: skip


def test_a_finished_search_costs_nothing_and_more_steps_go_on(tmp_path: Path) -> None:
    first, calls = searched(tmp_path, World(), Settings(2, 3))
    again = World()
    repeated, kept = searched(tmp_path, again, Settings(2, 3))
    assert again.calls == []
    assert (repeated, kept.cost()) == (first, calls.cost())
    longer = World()
    more, _ = searched(tmp_path, longer, Settings(3, 3))
    assert more.trajectory[: len(first.trajectory)] == first.trajectory
    assert longer.count("proposer") == 3


def test_a_search_that_was_stopped_pays_for_no_call_twice(tmp_path: Path) -> None:
    whole = World()
    outcome, _ = searched(tmp_path / "whole", whole, Settings(2, 3))
    parts, sessions, done = World(), 0, None
    while done is None and sessions < 20:
        sessions, before = sessions + 1, len(parts.calls)
        try:
            done, _ = searched(tmp_path / "parts", parts, Settings(2, 3), max_calls=15)
        except BudgetSpentError:
            assert len(parts.calls) == before + 15
    assert sessions > 3
    assert done
    assert done.best.score == outcome.best.score
    answers = [text for role, text, _ in parts.calls if role == "target"]
    assert len(answers) == len(set(answers)) == 20 * len(done.trajectory)
    assert parts.count("proposer") == 6


def test_repeated_proposals_are_counted_and_not_scored(tmp_path: Path) -> None:
    world = World()
    world.proposer = lambda text: f"<instruction>{INITIAL}</instruction>"  # type: ignore[method-assign]
    outcome, _ = searched(tmp_path, world, Settings(2, 3))
    assert outcome.refused == {"repeated": 6}
    assert len(outcome.trajectory) == 1
    assert (world.count("target"), world.count("proposer")) == (20, 6)


async def test_a_step_with_the_same_meta_prompt_draws_again(tmp_path: Path) -> None:
    world = World()
    world.proposer = lambda text: INITIAL  # type: ignore[method-assign]
    with Store(tmp_path, "sha", keep_invalid=True) as store:
        calls = Recorded(store)
        metric = checked(calls, world.model("target"), CHECKS)
        await search(calls, world.model("proposer"), metric, ITEMS[:1], Settings(3, 2))
    assert len({text for role, text, _ in world.calls if role == "proposer"}) == 1
    assert world.count("proposer") == 6


def test_the_proposer_draws_at_temperature_1_and_the_target_answers_at_0(tmp_path: Path) -> None:
    world = World()
    searched(tmp_path / "own", world, Settings(1, 2))
    searched(tmp_path / "set", world, Settings(1, 2), temperature=0.3, max_tokens=7)
    sent = {(role, tuple(sorted(params.items()))) for role, _, params in world.calls}
    assert sent == {
        ("target", (("temperature", 0),)), ("proposer", (("max_tokens", 512), ("temperature", 1.0))),
        ("target", (("max_tokens", 7), ("temperature", 0.3))), ("proposer", (("max_tokens", 7), ("temperature", 1.0))),
    }  # fmt: skip


def test_a_refused_request_is_a_wrong_answer_for_good_and_a_broken_endpoint_stops(tmp_path: Path) -> None:
    def fails(text: str) -> Exception | None:
        return ChatError("too long", 400, 1) if text.endswith("number 5") else None

    outcome, calls = searched(tmp_path / "refused", World(fails), Settings(1, 1))
    assert outcome.trajectory[0].score == 0.15
    assert calls.cost()["refused"] == 2
    again = World()
    assert searched(tmp_path / "refused", again, Settings(1, 1))[0] == outcome
    assert again.calls == []
    down = World(lambda text: ChatError("down", 503, 6) if text.endswith("number 3") else None)
    with pytest.raises(ChatError, match="down"):
        searched(tmp_path / "down", down, Settings(1, 1))
    back = World()
    searched(tmp_path / "down", back, Settings(1, 1))
    assert len(down.calls) + len(back.calls) == 20 + 1 + 20 + 1


def test_whatever_ends_a_search_begins_no_further_call(tmp_path: Path) -> None:
    world = World(lambda text: KeyError("a bug") if text.endswith("number 3") else None)
    items = [
        replace(item, id=f"{item.id}/{copy}", prompt=f"{copy} {item.prompt}") for copy in range(9) for item in ITEMS
    ]
    with Store(tmp_path, "sha", keep_invalid=True) as store:

        async def run() -> None:
            calls = Recorded(store)
            metric = checked(calls, world.model("target"), {item.id: CHECKS["t/1"] for item in items})
            try:
                await search(calls, world.model("proposer"), metric, items, Settings(1))
            finally:
                await calls.finish()

        with pytest.raises(ExceptionGroup):
            asyncio.run(run())
    assert len(world.calls) < 180 / 2  # 32 under way, and those that ended before the bug


async def test_a_search_that_is_interrupted_finishes_what_is_under_way_and_no_more(tmp_path: Path) -> None:
    world = World()
    items = [
        replace(item, id=f"{item.id}/{copy}", prompt=f"{copy} {item.prompt}") for copy in range(9) for item in ITEMS
    ]
    with Store(tmp_path, "sha", keep_invalid=True) as store:
        calls = Recorded(store)
        metric = checked(calls, world.model("target"), {item.id: CHECKS["t/1"] for item in items})
        running = asyncio.create_task(search(calls, world.model("proposer"), metric, items, Settings(1)))
        while len(world.calls) < 10:
            await asyncio.sleep(0)
        running.cancel()
        await calls.finish()
        assert len(world.calls) < 180 / 2
        assert len(store.records("answer")) == len(world.calls)


async def test_the_judge_compares_with_the_plain_prompt_in_both_orders(tmp_path: Path) -> None:
    world = World()
    with Store(tmp_path, "sha", keep_invalid=True) as store:
        calls = Recorded(store)
        metric = judged(calls, world.model("target"), Judge("j", world.model("judge"), PAIRWISE))
        better = " ".join(WORDS)
        assert [(await metric.mark(ITEMS[number], better)).value for number in (0, 1, 4)] == [0.5, 1.0, 1.0]
        assert world.count("judge") == 4  # items 1 and 4 in both orders; the answers to item 0 are equal
        assert (await metric.mark(ITEMS[1], "")).value == 0.5
        assert world.count("judge") == 4
        assert not any(better in text for role, text, _ in world.calls if role == "judge")
        held = await compare(metric, ITEMS, better)
    assert (held["plain"], held["initial"], held["found"], held["unread"]) == (0.5, 0.5, 0.9, 0)
    assert held["found_minus_plain"]["n"] == 20
    assert held["found_minus_plain"]["interval"][0] > 0.2


async def test_an_unreadable_verdict_is_half_a_point_and_counted(tmp_path: Path) -> None:
    world = World()
    world.judge = lambda text: "[[A]]" if "prefers" in text else "Hm."  # type: ignore[method-assign]
    with Store(tmp_path, "sha", keep_invalid=True) as store:
        metric = judged(Recorded(store), world.model("target"), Judge("j", world.model("judge"), PAIRWISE))
        mark = await metric.mark(ITEMS[3], " ".join(WORDS))
    assert (mark.value, mark.readable) == (0.5, False)
    assert world.count("judge") == 4  # each order, and each reminded once
