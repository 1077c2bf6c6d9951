"""Recall, reciprocal rank, and paired differences with bootstrap intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 10_000
SEED = 20261122
CUTS = (1, 3, 5)
METRICS = (*(f"recall@{cut}" for cut in CUTS), "MRR")


def rank_of(passage_id: str, ranking: Sequence[str]) -> int | None:
    """Rank from 1; None if the passage is not in the list."""
    return ranking.index(passage_id) + 1 if passage_id in ranking else None


def values(metric: str, ranks: Sequence[int | None]) -> Any:
    """One number between 0 and 1 a question: array (n,), whose mean is the metric.

    A passage that is not in the list counts as 0, also for MRR, which is thus cut at the list's length.
    """
    if metric == "MRR":
        return np.array([1 / rank if rank else 0.0 for rank in ranks])
    cut = int(metric.removeprefix("recall@"))
    return np.array([float(rank is not None and rank <= cut) for rank in ranks])


def difference(after: Any, before: Any) -> dict[str, Any]:
    """Mean of the paired differences, its 95% interval, and how many questions gained and lost.

    The interval is the percentile bootstrap over questions; the same seed in every call, so
    that metrics and arms are resampled alike.
    """
    paired = after - before
    chosen = np.random.default_rng(SEED).integers(0, len(paired), (RESAMPLES, len(paired)))
    low, high = np.quantile(paired[chosen].mean(axis=1), [0.025, 0.975])
    return {
        "mean": round(float(paired.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "gained": int((paired > 0).sum()),
        "lost": int((paired < 0).sum()),
    }
