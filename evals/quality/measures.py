"""Shares, paired differences and their uncertainty; the unit is always the item."""

from collections.abc import Sequence
from statistics import NormalDist, quantiles
from typing import Any

import numpy as np

from evals.retrieval.metrics import SEED, difference

FLIPS = 10_000
_Z = NormalDist().inv_cdf(0.975)


def share(flags: Sequence[bool]) -> dict[str, Any]:
    """Share of true values between 0 and 1 with its 95% Wilson interval; both None without any value."""
    n, count = len(flags), sum(flags)
    if not n:
        return {"n": 0, "count": 0, "share": None, "interval": None}
    middle, spread = count / n, _Z**2 / n
    center = (middle + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * (middle * (1 - middle) / n + spread / (4 * n)) ** 0.5
    interval = [round(max(0.0, center - half), 4), round(min(1.0, center + half), 4)]
    return {"n": n, "count": count, "share": round(middle, 4), "interval": interval}


def paired(after: Sequence[float], before: Sequence[float]) -> dict[str, Any]:
    """Mean paired difference, its 95% bootstrap interval, gained and lost items, sign-flip p; None without items."""
    if not len(after):
        return {"n": 0, "mean": None, "interval": None, "gained": 0, "lost": 0, "p": None}
    first, second = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    return {"n": len(first), **difference(first, second), "p": round(sign_flip_p(first - second), 4)}


def sign_flip_p(differences: Any) -> float:
    """Two-sided p that the mean is 0, if every difference could as well have had the other sign.

    `differences` is an array (n,). From 10,000 random flips, the observed one counted among them,
    so that p is never 0.
    """
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], (FLIPS, len(differences)))
    flipped = np.abs(signs @ differences)
    # Sums of the same numbers in another order differ in their last bits.
    observed = abs(float(differences.sum())) * (1 - 1e-12)
    return float((1 + (flipped >= observed).sum()) / (1 + FLIPS))


def spread(values: Sequence[float]) -> dict[str, Any]:
    """n, median and 90th percentile; None without any value."""
    if not values:
        return {"n": 0, "median": None, "p90": None}
    tenths = quantiles(values, n=10, method="inclusive") if len(values) > 1 else [values[0]] * 9
    return {"n": len(values), "median": round(tenths[4], 3), "p90": round(tenths[8], 3)}
