"""Delta win rates with intervals and tests, per set and over the sets.

The item is the sample. Both orders and all replicates of an item are averaged first (scores.py); taken as
rows of their own they would make the intervals too narrow.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from bpo_model.compare.scores import Score


@dataclass(frozen=True, slots=True)
class Estimate:
    """Delta win rate of some items; shares in per cent, the rest in points."""

    n: int
    """Items."""
    a: float
    """Mean over the items of the share of their verdicts for arm a; a - b = dwr."""
    tie: float
    b: float
    dwr: float
    low: float
    """95% percentile interval over resampled items; without width if all items score the same."""
    high: float
    p: float
    """Sign-flip permutation test of dwr, two-sided; never below 1 / (resamples + 1)."""
    wins: int
    """Items with a score above 0; for the macro mean, too, simply of all items."""
    losses: int
    sign_p: float
    """Exact sign test of wins against losses."""
    sd: float
    """Standard error times the root of n: what `power.items_needed` asks for."""

    @property
    def se(self) -> float:
        """Standard error of dwr."""
        return self.sd / math.sqrt(self.n)


@dataclass(frozen=True, slots=True)
class View:
    """One way to score the items."""

    sets: Mapping[str, Estimate]
    macro: Estimate
    """Mean over sets that weigh the same, as in the paper; a set without a scored item is not among them."""
    micro: Estimate
    """Mean over items that weigh the same."""


def view(scores: Sequence[Score], *, seed: int, resamples: int = 10_000) -> View:
    """Per set, macro and micro; items are resampled, and signs flipped, within their sets.

    Args:
        scores: At least one.
        seed: Of PCG64.
        resamples: Of the bootstrap, and of the permutation test.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    strata = {name: _stratum(part, rng, resamples) for name, part in by_set(scores).items()}
    every = list(strata.values())
    return View(
        sets={name: _estimate([stratum], [1.0]) for name, stratum in strata.items()},
        macro=_estimate(every, [1 / len(every)] * len(every)),
        micro=_estimate(every, [stratum.n / len(scores) for stratum in every]),
    )


def by_set(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """Scores of each set; sets and items in alphabetical order."""
    found: dict[str, list[Score]] = defaultdict(list)
    for score in sorted(scores, key=lambda score: (score.set, score.item)):
        found[score.set].append(score)
    return dict(found)


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact sign test; 1 without any win or loss. Whole numbers: nothing is rounded but the end."""
    total, coefficient, tail = wins + losses, 1, 1
    for drawn in range(min(wins, losses)):
        coefficient = coefficient * (total - drawn) // (drawn + 1)
        tail += coefficient
    return min(1.0, float(2 * tail / (1 << total)))


@dataclass(frozen=True, slots=True)
class _Stratum:
    """One set; everything a mean over its items, from 0 or -1 to 1."""

    n: int
    a: float
    b: float
    score: float
    variance: float
    wins: int
    losses: int
    resampled: Any
    """Means of resampled items, array (resamples,)."""
    flipped: Any
    """Means of items with random signs, array (resamples,)."""


def _stratum(scores: Sequence[Score], rng: Any, resamples: int) -> _Stratum:
    # Drawing how often each distinct score comes up is the same as drawing items, and far cheaper.
    n, values = len(scores), np.array([score.value for score in scores])
    levels, counts = np.unique(values, return_counts=True)
    sizes, repeats = np.unique(np.abs(values), return_counts=True)
    return _Stratum(
        n=n,
        a=fmean(score.a for score in scores),
        b=fmean(score.b for score in scores),
        score=fmean(values),
        variance=float(values.var()),
        wins=int((values > 0).sum()),
        losses=int((values < 0).sum()),
        resampled=rng.multinomial(n, counts / n, resamples) @ levels / n,
        flipped=(2 * rng.binomial(repeats, 0.5, (resamples, len(repeats))) - repeats) @ sizes / n,
    )


def _estimate(strata: Sequence[_Stratum], weights: Sequence[float]) -> Estimate:
    """The mean of the sets with these weights, which sum to 1."""
    n, wins, losses = (sum(counts) for counts in zip(*((s.n, s.wins, s.losses) for s in strata), strict=True))
    a, b, dwr = 100 * np.array(weights) @ np.array([(s.a, s.b, s.score) for s in strata])
    resampled = 100 * np.array(weights) @ np.stack([s.resampled for s in strata])
    flipped = 100 * np.array(weights) @ np.stack([s.flipped for s in strata])
    low, high = np.quantile(resampled, [0.025, 0.975])
    as_large = int((np.abs(flipped) >= abs(dwr) - 1e-9).sum())
    squared_error = sum(weight**2 * s.variance / s.n for weight, s in zip(weights, strata, strict=True))
    return Estimate(
        n=n,
        a=float(a),
        tie=float(100 - a - b),
        b=float(b),
        dwr=float(dwr),
        low=float(low),
        high=float(high),
        p=(1 + as_large) / (1 + len(flipped)),
        wins=wins,
        losses=losses,
        sign_p=sign_test(wins, losses),
        sd=100 * math.sqrt(n * squared_error),
    )
