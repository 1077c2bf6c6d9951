"""The numbers: the effect over all prompts and over the changed ones, and what rewriting adds to a call."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, stdev

from bpo_model.compare.diagnostics import Diagnostics, diagnose
from bpo_model.compare.estimate import Estimate, view
from bpo_model.compare.length import LengthControlled, length_controlled
from bpo_model.compare.scores import conservative_scores, item_scores
from bpo_model.compare.store import Record
from bpo_model.compare.types import Winner
from bpo_model.prove.pairs import Pair

RESAMPLES = 10_000
REFITS = 2_000
"""Of the length-controlled number, which takes a fit for each."""
CERTAIN = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over prompts with its 95% interval."""

    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Added:
    """What rewriting adds to a call, over all prompts (one that was left alone adds nothing but its latency)."""

    rewriting_ms: float | None
    """Median of the optimizer alone, on this machine, one prompt at a time."""
    rewriting_n: int
    tokens_in: Mean | None
    """Of the target; None if the server did not count."""
    tokens_out: Mean | None
    seconds: Mean | None
    """Until the target's whole answer was there, with as many calls at once as the run had."""
    usd_per_1000: Mean | None
    """USD for a thousand prompts; None if the price is unknown."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that the verdict and the report stand on."""

    every: Estimate
    """Over all prompts; those left alone are ties."""
    changed: Estimate | None
    """Over the rewritten ones only."""
    controlled: LengthControlled | None
    """As `changed`, at equal length. Prompts left alone have equal length and a tie by construction: in the fit
    they would pull the number to 0."""
    agreed: Estimate | None
    """As `every`, with a win only where both orders agree."""
    bounds: tuple[float, float]
    """`every.dwr` with all missing verdicts given to the original, and to the rewrite."""
    diagnostics: Diagnostics
    added: Added

    @property
    def length_explains(self) -> bool:
        """Whether the effect is there, and at equal length is not."""
        found = (self.changed, self.controlled)
        return bool(self.controlled) and [one is not None and (one.low > 0 or one.high < 0) for one in found] == [
            True, False,
        ]  # fmt: skip


def measure(pairs: Sequence[Pair], *, seed: int = 0) -> Measured | None:
    """All numbers of a run; None if no prompt has a usable verdict."""
    judgments = [judgment for pair in pairs for judgment in pair.judgments]
    scores = item_scores(judgments)
    if not scores:
        return None
    changed = [score for score in scores if score.changed]
    agreed = conservative_scores(judgments)
    return Measured(
        every=view(scores, seed=seed, resamples=RESAMPLES).micro,
        changed=view(changed, seed=seed, resamples=RESAMPLES).micro if changed else None,
        controlled=length_controlled(changed, macro=False, seed=seed, resamples=REFITS) if changed else None,
        agreed=view(agreed, seed=seed, resamples=RESAMPLES).micro if agreed else None,
        bounds=(_dwr(pairs, "b"), _dwr(pairs, "a")),
        diagnostics=diagnose(judgments, scores),
        added=added(pairs),
    )


def added(pairs: Sequence[Pair]) -> Added:
    """What rewriting adds to a call."""
    alone = [ms for pair in pairs if (ms := pair.rewrite.get("latency_ms")) is not None]
    return Added(
        rewriting_ms=median(alone) if alone else None,
        rewriting_n=len(alone),
        tokens_in=_difference(pairs, lambda answer: answer.get("tokens_in") or None),
        tokens_out=_difference(pairs, lambda answer: answer.get("tokens_out") or None),
        seconds=_difference(pairs, lambda answer: answer.get("seconds") or None),
        usd_per_1000=_difference(pairs, lambda answer: answer.get("usd"), times=1000),
    )


def _dwr(pairs: Sequence[Pair], missing: Winner) -> float:
    """Delta win rate with every missing verdict given to one side."""
    scores = item_scores((judgment for pair in pairs for judgment in pair.judgments), missing=missing)
    return 100 * fmean(score.value for score in scores)


def _difference(pairs: Sequence[Pair], value: Callable[[Record], float | None], *, times: float = 1.0) -> Mean | None:
    """Mean of rewrite minus original over the prompts whose answers are there; None if a value is missing."""
    found: list[float] = []
    for pair in pairs:
        if pair.kind == "failed":
            continue
        if pair.answers is None:
            found.append(0.0)
            continue
        a, b = (value(answer) for answer in pair.answers)
        if a is None or b is None:
            return None
        found.append(times * (a - b))
    if not any(pair.answers for pair in pairs) or len(found) < 2:
        return None
    mean, half = fmean(found), CERTAIN * stdev(found) / math.sqrt(len(found))
    return Mean(len(found), mean, mean - half, mean + half)
