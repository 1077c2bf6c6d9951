"""Every case through one rewriter; what fails is an error of its own and no pass."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.torture.cases import Case
from evals.torture.checks import Broken, violations
from evals.torture.rivals import Rival


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    case: Case
    rewrite: str | None
    """None if the rewriter failed."""
    broken: tuple[Broken, ...] = ()
    error: str = ""

    @property
    def changed(self) -> bool:
        """Whether there is a rewrite, and it is another text."""
        return self.rewrite is not None and self.rewrite != self.case.prompt


@dataclass(frozen=True, slots=True)
class Run:
    """A rewriter's whole way through the suite."""

    name: str
    ours: bool
    seconds: float
    """Without loading."""
    outcomes: tuple[Outcome, ...]
    """In the order of the cases."""

    @property
    def violated(self) -> list[Outcome]:
        """The cases with at least one broken check."""
        return [one for one in self.outcomes if one.broken]

    @property
    def errors(self) -> list[Outcome]:
        """The cases without a rewrite."""
        return [one for one in self.outcomes if one.rewrite is None]


async def run(cases: Sequence[Case], rival: Rival, progress: Callable[[], None] = lambda: None) -> Run:
    """Rewrite and check every case, a bounded number of them at the same time."""
    places = asyncio.Semaphore(rival.at_once)

    async def one(case: Case) -> Outcome:
        async with places:
            outcome = await _outcome(case, rival)
        progress()
        return outcome

    started = time.perf_counter()
    outcomes = await asyncio.gather(*map(one, cases))
    return Run(rival.name, rival.ours, time.perf_counter() - started, tuple(outcomes))


async def _outcome(case: Case, rival: Rival) -> Outcome:
    """One case."""
    try:
        rewrite = await rival.rewrite(case.prompt)
    except Exception as error:  # noqa: BLE001  # whatever somebody's rewriter raises
        return Outcome(case, None, error=f"{type(error).__name__}: {error}")
    return Outcome(case, rewrite, tuple(violations(case, rewrite)))
