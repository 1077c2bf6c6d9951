"""Win rate at equal length: what is left of a difference when the longer answer's advantage is taken away.

Length is partly a mediator (a rewrite may ask for more), so the number stands beside the raw one, never
in its place.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpo_model.compare.scores import Score

RIDGE = 0.01
"""Penalty on half the squared slope: keeps the slope finite for a judge that sees nothing but length (its intervals
then cover 0 in nine runs of ten), and moves the result of any other by less than a twentieth of a point."""
OPPOSITE = 15.0
"""Per cent of the items; with fewer on the other side of equal length, the fit is extrapolated to it."""
CERTAIN = 30.0
"""Largest intercept, where the probability is 1 - 1e-13: an arm that always wins has no finite one."""
CHUNK = 500
"""Refits at once: keeps the arrays at a few megabytes."""


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """Delta win rate predicted at equal length, in points."""

    dwr: float
    low: float
    high: float
    slope: float
    """Log odds for arm a by which an answer longer by far beats one of equal length; above 0, longer wins."""
    opposite: float
    """Per cent of the items on which the arm that is usually longer is the shorter one."""
    extrapolates: bool
    """Whether these are too few (below 15%) to know what happens at equal length."""


def length_controlled(
    scores: Sequence[Score], *, macro: bool, seed: int, resamples: int = 10_000
) -> LengthControlled | None:
    """Fits logit p = theta + phi * tanh(dlen / sd(dlen)) to the items' scores; the prediction is at dlen = 0.

    The 95% interval refits to items resampled within their sets; the standard deviation stays.

    Args:
        scores: Items, sorted.
        macro: Whether sets weigh the same, as in the paper's mean, or items.
        seed: Of the resampling.
        resamples: How many refits.

    Returns:
        None if all length differences are equal: quality and length cannot be told apart.
    """
    gaps = np.array([score.length_a - score.length_b for score in scores])
    if np.ptp(gaps) < 1e-9:
        return None
    x, y = np.tanh(gaps / gaps.std()), np.array([(1 + score.value) / 2 for score in scores])
    weights = _weights(scores, macro)
    theta, phi = fit(x[None], y[None], weights)[0]
    refits = _refits(x, y, weights, _picks(scores, seed, resamples), (theta, phi))
    interval: Any = np.quantile(refits, [0.025, 0.975])
    opposite = 100 * float(min((gaps > 0).mean(), (gaps < 0).mean()))
    low, high = map(float, interval)
    return LengthControlled(_points(theta), low, high, float(phi), opposite, opposite < OPPOSITE)


def fit(x: Any, y: Any, weights: Any, start: tuple[float, float] = (0.0, 0.0)) -> Any:
    """Many logistic fits at once by Newton's method: array (fits, 2) of intercept and slope.

    Args:
        x: Array (fits, n).
        y: Array (fits, n), 0 to 1; fractions are allowed.
        weights: Array (n,), which sums to n.
        start: Where Newton's method begins.
    """
    beta = np.tile(np.array(start, dtype=float), (len(x), 1))
    for _ in range(60):
        p = expit(beta[:, :1] + beta[:, 1:] * x)
        residual, variance = weights * (y - p), weights * p * (1 - p)
        slope0, slope1 = residual.sum(1), (residual * x).sum(1) - RIDGE * beta[:, 1]
        curve0, curve1 = variance.sum(1), (variance * x).sum(1)
        curve2 = (variance * x * x).sum(1) + RIDGE
        steps = np.stack([curve2 * slope0 - curve1 * slope1, curve0 * slope1 - curve1 * slope0], 1)
        # Certain probabilities round to no curvature at all; long steps overshoot where there is little.
        determinant = np.maximum(curve0 * curve2 - curve1**2, 1e-20)
        steps = np.clip(steps / determinant[:, None], -2, 2)
        steps[:, 0] = np.clip(beta[:, 0] + steps[:, 0], -CERTAIN, CERTAIN) - beta[:, 0]
        beta += steps
        if np.abs(steps).max() < 1e-9:
            break
    return beta


def expit(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow and without losing the digits of a small probability."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x)))


def _weights(scores: Sequence[Score], macro: bool) -> Any:
    sizes = Counter(score.set for score in scores)
    return np.array([len(scores) / len(sizes) / sizes[score.set] if macro else 1.0 for score in scores])


def _picks(scores: Sequence[Score], seed: int, resamples: int) -> Any:
    """Indices of resampled items, (resamples, n): every set is resampled from itself and keeps its place."""
    rng, places = np.random.Generator(np.random.PCG64(seed)), np.array([score.set for score in scores])
    picks: Any = np.empty((resamples, len(scores)), dtype=np.int32)
    for name in sorted(set(places)):
        members = np.flatnonzero(places == name)
        picks[:, members] = members[rng.integers(0, len(members), (resamples, len(members)))]
    return picks


def _refits(x: Any, y: Any, weights: Any, picks: Any, start: tuple[float, float]) -> list[float]:
    chunks = (picks[first : first + CHUNK] for first in range(0, len(picks), CHUNK))
    return [_points(theta) for chosen in chunks for theta in fit(x[chosen], y[chosen], weights, start)[:, 0]]


def _points(theta: float) -> float:
    return float(100 * (2 * expit(theta) - 1))
