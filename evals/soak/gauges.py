"""Memory, threads and open files of this process over time, and whether they grow."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

WARM_UP = 1 / 3
"""Share of the run in which caches fill and the allocator finds its size."""
BLOCKS = 12
"""Neighbouring samples are alike; means of so many stretches are nearly independent, which the interval needs."""
LEAK_MIB = 8.0
LEAK_SHARE = 0.02
"""Growth after the warm-up that counts as a leak, if the slope is surely above 0 as well: the larger of the two."""
LEAK_COUNT = 8
"""The same for threads and open files, between the first and the last quarter."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process."""

    seconds: float
    """Since the start of the run."""
    rss_mib: float
    threads: int
    files: int


def look(started: float) -> Sample:
    """Take a sample; `started` is a `time.monotonic()`.

    Raises:
        OSError: If the system has no `/proc`.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    status = dict(line.split(":", maxsplit=1) for line in lines)
    memory, threads = int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"])
    return Sample(time.monotonic() - started, memory, threads, len(os.listdir("/proc/self/fd")))


def summarize(samples: Sequence[Sample]) -> dict[str, Any]:
    """Slope of the memory with its 95% interval, largest growth, and whether anything grows; `samples` in order."""
    warm = [sample for sample in samples if sample.seconds >= WARM_UP * samples[-1].seconds]
    found: dict[str, Any] = {
        "samples": len(samples),
        "warm_up_s": round(WARM_UP * samples[-1].seconds, 1),
        "rss_mib": _spread([sample.rss_mib for sample in warm]),
        "slope_mib_per_hour": slope([(sample.seconds / 3600, sample.rss_mib) for sample in warm]),
        "threads": _spread([float(sample.threads) for sample in warm]),
        "files": _spread([float(sample.files) for sample in warm]),
    }
    return {**found, "leaks": _leaks(found)}


def slope(points: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Least-squares slope of (hours, value) over the means of `BLOCKS` stretches, with Student's 95% interval."""
    from scipy import stats  # type: ignore[import-untyped]

    if len(points) < 2 * BLOCKS:
        return {"value": None, "low": None, "high": None}
    edges = [len(points) * i // BLOCKS for i in range(BLOCKS + 1)]
    blocks = [points[low:high] for low, high in pairwise(edges)]
    hours, values = ([statistics.fmean(point[i] for point in block) for block in blocks] for i in (0, 1))
    fit = stats.linregress(hours, values)
    half = float(stats.t.ppf(0.975, BLOCKS - 2)) * float(fit.stderr)
    value = float(fit.slope)
    return {"value": round(value, 2), "low": round(value - half, 2), "high": round(value + half, 2)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Medians of the first and the last quarter, the growth between them, and the most above the start."""
    quarter = max(1, len(values) // 4)
    first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
    return {
        "first_quarter": round(first, 2), "last_quarter": round(last, 2), "growth": round(last - first, 2),
        "largest_growth": round(max(values) - values[0], 2), "most": round(max(values), 2),
    }  # fmt: skip


def _leaks(found: dict[str, Any]) -> list[str]:
    """What grows."""
    memory, low = found["rss_mib"], found["slope_mib_per_hour"]["low"]
    limit = max(LEAK_MIB, LEAK_SHARE * memory["first_quarter"])
    leaks = ["memory"] * (low is not None and low > 0 and memory["growth"] > limit)
    return leaks + [name for name in ("threads", "files") if found[name]["growth"] > LEAK_COUNT]
