"""Both answers to every prompt that was rewritten, and what the judge says of them in both orders.

Arm a is the rewrite, arm b the original. A prompt that was left alone is a tie by construction: both arms
would send the same bytes, so nothing is called.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bpo_model.compare.budget import Budget, BudgetSpentError
from bpo_model.compare.calls import Calls, Judge, Model
from bpo_model.compare.scores import ORDERS
from bpo_model.compare.store import Record
from bpo_model.compare.types import Item, Judgment, Order, Status, Winner
from bpo_model.prove.prompts import Case
from bpo_model.prove.rewrites import sent

SET = "prompts"
WINDOW = 32
"""Prompts under way at once; the endpoints' own limits decide how many calls that are."""
Kind: TypeAlias = Literal["won", "lost", "tied", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt, its rewrite, and what came of both."""

    case: Case
    rewrite: Record
    judgments: tuple[Judgment, ...]
    answers: tuple[Record, Record] | None = None
    """To the rewrite and to the original; None if nothing was asked."""
    verdicts: Mapping[Order, Record] = field(default_factory=dict)
    """The judge's, where the answers differ."""

    @property
    def kind(self) -> Kind:
        """What became of it, seen from the rewrite."""
        winners = [judgment.winner for judgment in self.judgments if judgment.winner]
        if not winners:
            return "failed"
        if not self.rewrite["changed"]:
            return "unchanged"
        score = winners.count("a") - winners.count("b")
        return "won" if score > 0 else "lost" if score < 0 else "tied"

    @property
    def flipped(self) -> bool:
        """Whether the judge changed its mind with the order of the answers."""
        return {judgment.winner for judgment in self.judgments} == {"a", "b"}


class Asking:
    """The calls of one run; use it in one event loop."""

    def __init__(self, calls: Calls, target: Model, judge: Judge, budget: Budget, done: Callable[[], None]) -> None:
        self._calls, self._target, self._judge, self._budget = calls, target, judge, budget
        self._done = done

    async def pairs(self, cases: Sequence[Case], rewrites: Mapping[str, Record]) -> list[Pair]:
        """A pair for every case, in their order; a call that fails is part of its pair.

        Raises:
            BudgetSpentError: As soon as no further call may be made; what was answered is kept.
        """
        places, tasks = asyncio.Semaphore(WINDOW), list[asyncio.Task[Pair]]()

        async def one(case: Case) -> Pair:
            async with places:
                return await self._pair(case, rewrites[case.id])

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(case)) for case in cases]
        except* BudgetSpentError as spent:
            raise spent.exceptions[0] from None
        finally:
            if any(not task.done() or task.cancelled() for task in tasks):
                self._budget.close("stopped")  # calls that wait for a place are not worth waiting for
            await self._calls.finish()
        return [task.result() for task in tasks]

    async def _pair(self, case: Case, rewrite: Record) -> Pair:
        """One prompt from its rewrite to its verdicts."""
        if rewrite["status"] == "error":
            return Pair(case, rewrite, _both(case, "error", None, changed=False))
        if not rewrite["changed"]:
            return Pair(case, rewrite, _both(case, "identical", "tie", changed=False))
        a, b = await asyncio.gather(self._answer(case, rewrite["prompt"]), self._answer(case, case.prompt))
        self._done()
        lengths = (len(a.get("text", "")), len(b.get("text", "")))
        if "error" in {a["status"], b["status"]}:
            return Pair(case, rewrite, _both(case, "error", None, lengths), (a, b))
        if a["text"] == b["text"]:
            self._done()
            return Pair(case, rewrite, _both(case, "identical", "tie", lengths), (a, b))
        found = await asyncio.gather(*(self._verdict(case, (a["text"], b["text"]), order) for order in ORDERS))
        self._done()
        judgments = [
            _judgment(case, order, record["status"], record.get("winner"), lengths)
            for order, record in zip(ORDERS, found, strict=True)
        ]
        return Pair(case, rewrite, tuple(judgments), (a, b), dict(zip(ORDERS, found, strict=True)))

    async def _answer(self, case: Case, prompt: Any) -> Record:
        return await self._calls.answer(self._target, sent(prompt), case.id)

    async def _verdict(self, case: Case, answers: tuple[str, str], order: Order) -> Record:
        return await self._calls.verdict(self._judge, Item(case.id, SET, case.question), answers, order)


def _both(
    case: Case, status: Status, winner: Winner | None, lengths: tuple[int, int] = (0, 0), *, changed: bool = True
) -> tuple[Judgment, ...]:
    """The same in both orders, without a call."""
    return tuple(_judgment(case, order, status, winner, lengths, changed=changed) for order in ORDERS)


def _judgment(
    case: Case, order: Order, status: Status, winner: Winner | None, lengths: tuple[int, int], *, changed: bool = True
) -> Judgment:
    return Judgment("prove", "rewrite", SET, case.id, "judge", order, 0, status, winner, *lengths, changed)
