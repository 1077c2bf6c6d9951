"""Run an experiment: prompts, answers, verdicts, through `bpo_model.compare.calls`."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.calls import Calls, Judge, Model
from bpo_model.compare.store import Record, Store, key_of
from bpo_model.compare.types import Arm, Item, Judgment, Order
from evals.winrate.arms import Rewriter, rewriter
from evals.winrate.experiments import Row
from evals.winrate.via import Route

WINDOW = 64
"""Items under way at once; the endpoints' own limits decide how many calls that are."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a run needs."""

    experiment: str
    rows: Sequence[Row]
    items: Sequence[Item]
    targets: Mapping[str, Model]
    """By the alias that the arms name."""
    judges: Sequence[Judge]
    route: Callable[[int], Route]
    """The product's adapter for a number of iterations."""
    via: str
    optimizer: str
    """What identifies the optimizer's weights and settings."""
    both_orders: bool = True
    """Else each item is judged in one order, chosen by its id: the paper's way, and a subset of both."""
    replicates: int = 1
    seed: int = 0


async def run(setup: Setup, store: Store, done: Callable[[], None] = lambda: None) -> list[Judgment]:
    """All judgments of an experiment, in the order of rows, judges, items and orders.

    A call that fails is a judgment with status `error`; `done` is called after each judgment.

    Raises:
        BudgetSpentError: As soon as no further call may be made; what was answered is kept.
    """
    work = _Work(setup, store)
    wanted = [
        (row, judge, item, order, replicate)
        for row in setup.rows for judge in setup.judges for item in setup.items
        for replicate in range(setup.replicates) for order in _orders(setup, item)
    ]  # fmt: skip
    places = asyncio.Semaphore(WINDOW)

    async def one(row: Row, judge: Judge, item: Item, order: Order, replicate: int) -> Judgment:
        async with places:
            judgment = await work.judged(row, judge, item, order, replicate)
        done()
        return judgment

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*each)) for each in wanted]
    except* BudgetSpentError as spent:
        raise spent.exceptions[0] from None
    finally:
        await work.finish()
    return [task.result() for task in tasks]


def _orders(setup: Setup, item: Item) -> Sequence[Order]:
    """Both, or one by a coin that depends on nothing but seed and item."""
    if setup.both_orders:
        return ("ab", "ba")
    return ("ab",) if hashlib.sha256(f"{setup.seed} {item.id}".encode()).digest()[0] % 2 else ("ba",)


class _Work:
    """One run: what is asked for, and the calls that this takes."""

    def __init__(self, setup: Setup, store: Store) -> None:
        self._setup, self._calls = setup, Calls(store)
        self._rewriters: dict[Arm, Rewriter] = {}
        self.finish = self._calls.finish

    async def judged(self, row: Row, judge: Judge, item: Item, order: Order, replicate: int) -> Judgment:
        """One verdict; equal answers are a tie without a call."""
        a, b = [await self._answer(arm, item, replicate) for arm in (row.a, row.b)]
        texts = [str(record.get("text", "")) for record in (a, b)]
        common: dict[str, Any] = {
            "experiment": self._setup.experiment, "row": row.name, "set": item.set, "item": item.id,
            "judge": judge.name, "order": order, "replicate": replicate, "length_a": len(texts[0]),
            "length_b": len(texts[1]), "changed": a.get("messages") != b.get("messages"),
            "iterations": row.a.iterations,
        }  # fmt: skip
        if "error" in {a["status"], b["status"]}:
            return Judgment(**common, status="error", winner=None)
        if texts[0] == texts[1]:
            return Judgment(**common, status="identical", winner="tie")
        record = await self._calls.verdict(judge, item, texts, order, replicate)
        keys = {"a_key": a["key"], "b_key": b["key"], "key": record["key"]}
        return Judgment(**common, status=record["status"], winner=record.get("winner"), details=keys)

    async def _answer(self, arm: Arm, item: Item, replicate: int) -> Record:
        prepared = await self._prompt(arm, item)
        if prepared["status"] == "error":
            return prepared
        return await self._calls.answer(self._setup.targets[arm.target], prepared["messages"], item.id, replicate)

    async def _prompt(self, arm: Arm, item: Item) -> Record:
        rewrite = self._rewriter(arm)
        inputs = {
            "prompt": item.prompt, "item": item.id, "rewriter": arm.rewriter, "iterations": arm.iterations,
            "via": self._setup.via, "seed": self._setup.seed,
        }  # fmt: skip
        model = self._setup.targets[arm.target].name if arm.rewriter == "direct" else self._setup.optimizer
        key = key_of("rewrite", inputs, model, {})

        async def make() -> dict[str, Any]:
            return {"status": "ok", "item": item.id, "messages": await rewrite(item)}

        return await self._calls.once("rewrite", key, make)

    def _rewriter(self, arm: Arm) -> Rewriter:
        """One for each arm."""
        if arm not in self._rewriters:
            setup = self._setup
            self._rewriters[arm] = rewriter(
                arm.rewriter, setup.items, route=setup.route(arm.iterations),
                target=setup.targets[arm.target].chat, seed=setup.seed,
            )  # fmt: skip
        return self._rewriters[arm]
