"""A whole run: rewrite, say what it will cost, answer, judge. Every call is kept, so the same command goes on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bpo_model.compare.budget import Budget
from bpo_model.compare.calls import Calls, Judge, Model
from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.expense import Line
from bpo_model.compare.judging import PAIRWISE
from bpo_model.compare.store import Record, Store
from bpo_model.prove.decide import PILOT, hopeless
from bpo_model.prove.pairs import Asking, Pair
from bpo_model.prove.plan import name_of, plan
from bpo_model.prove.prompts import Case
from bpo_model.prove.rewrites import rewrite_all
from bpo_model.schema import SupportsOptimize

DATA = "prove"
"""In place of a digest of the data: further prompts may join a run, since every key holds its prompt."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to compare."""

    cases: Sequence[Case]
    optimizer: SupportsOptimize
    identity: str
    """What determines the optimizer's rewrites."""
    target: ModelSpec
    judge: ModelSpec
    out: Path
    """The folder of the run; its calls are in `calls` there."""
    max_usd: float | None = None
    repeated: int = 0
    """Prompts that were left out, since they stood in the file before."""


class Watcher(Protocol):
    """Whoever looks on: shows progress, and may say no."""

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """Begin a stage; what comes back takes how much of it is done."""

    def agrees(self, lines: Sequence[Line], cases: int, changed: int) -> bool:
        """Whether the calls may be made, which is asked before the first one."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a run."""

    pairs: Sequence[Pair]
    stopped: str = ""
    """Why it ended after the first pairs; these are a smaller random sample."""


def run(setup: Setup, watcher: Watcher) -> Done | None:
    """All pairs; None if the watcher does not agree.

    Raises:
        BudgetSpentError: If the limit was reached; what was answered is kept.
        StoreError, LockedError: If the folder cannot be used.
        BPOError, ValueError: If the optimizer fails for good, or a key is missing.
    """
    facts = {"prompts": len(setup.cases), "target": name_of(setup.target), "judge": name_of(setup.judge),
             "optimizer": setup.identity}  # fmt: skip
    with Store(setup.out / "calls", DATA, facts) as store:
        told = watcher.stage("rewriting", len(setup.cases))
        rewrites = rewrite_all(setup.cases, setup.optimizer, setup.identity, store, told)
        changed = sum(rewrites[case.id]["changed"] for case in setup.cases)
        lines = plan(setup.cases, rewrites, setup.target, setup.judge, store)
        if not watcher.agrees(lines, len(setup.cases), changed):
            return None
        return asyncio.run(_ask(setup, rewrites, store, watcher.stage("answering and judging", 2 * changed)))


async def _ask(setup: Setup, rewrites: dict[str, Record], store: Store, told: Callable[[int], None]) -> Done:
    """Answers and verdicts; the first pairs come first, and tell whether the rest is worth its money."""
    budget, finished = Budget(setup.max_usd), 0

    def done() -> None:
        nonlocal finished
        finished += 1
        told(finished)

    async with setup.target.connect(budget) as target, setup.judge.connect(budget) as judge:
        models = [_model(spec, chat) for spec, chat in ((setup.target, target), (setup.judge, judge))]
        asking = Asking(Calls(store), models[0], Judge("judge", models[1], PAIRWISE), budget, done)
        first = _until(setup.cases, rewrites)
        pairs = await asking.pairs(setup.cases[:first], rewrites)
        why = hopeless(pairs)
        if why:
            return Done(pairs, why)
        return Done([*pairs, *await asking.pairs(setup.cases[first:], rewrites)])


def _model(spec: ModelSpec, chat: Any) -> Model:
    return Model(chat, name_of(spec), spec.params)


def _until(cases: Sequence[Case], rewrites: dict[str, Record]) -> int:
    """How many cases hold the first `PILOT` changed ones."""
    places = [place for place, case in enumerate(cases) if rewrites[case.id]["changed"]]
    return places[PILOT - 1] + 1 if len(places) >= PILOT else len(cases)
