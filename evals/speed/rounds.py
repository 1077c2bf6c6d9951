"""From raw rounds to the numbers of the report: medians, quantiles, ratios with their spread."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Series:
    """All rounds of one system at one concurrency on one set of prompts."""

    system: str
    prompts: str
    concurrency: int
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prompts_per_second(self) -> list[float]:
        """One value a round."""
        return [len(run["latencies"]) / run["seconds"] for run in self.rounds]

    def summary(self) -> dict[str, Any]:
        """The row of the report; latencies in milliseconds over all rounds together."""
        latencies = sorted(1000 * latency for run in self.rounds for latency in run["latencies"])
        rates = self.prompts_per_second
        return {
            "system": self.system,
            "prompts": self.prompts,
            "concurrency": self.concurrency,
            "rounds": len(self.rounds),
            "n": len(latencies),
            "p50_ms": round(quantile(latencies, 0.50), 1),
            "p95_ms": round(quantile(latencies, 0.95), 1),
            "p99_ms": round(quantile(latencies, 0.99), 1),
            "prompts_per_s": round(statistics.median(rates), 3),
            "prompts_per_s_range": [round(min(rates), 3), round(max(rates), 3)],
            "tokens_per_s": round(statistics.median(run["tokens"] / run["seconds"] for run in self.rounds), 1),
            "tokens_per_prompt": round(sum(run["tokens"] for run in self.rounds) / len(latencies), 1),
            "peak_rss_mb": round(max(run["peak_rss_mb"] for run in self.rounds)),
        }


def quantile(ordered: Sequence[float], q: float) -> float:
    """Nearest rank of ordered values.

    Raises:
        ValueError: If there are none.
    """
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def ratio(name: str, over: Series, under: Series) -> dict[str, Any]:
    """Rates of `over` / `under`, round by round: both ran in the same minute on the same prompts."""
    pairs = zip(over.prompts_per_second, under.prompts_per_second, strict=True)
    values = [above / below for above, below in pairs]
    return {
        "ratio": name,
        "prompts": over.prompts,
        "median": round(statistics.median(values), 2),
        "range": [round(min(values), 2), round(max(values), 2)],
        "rounds": len(values),
    }


def overhead(ours: Series, bare: Series) -> dict[str, Any]:
    """Milliseconds and share that we add to a prompt over the bare engine, paired prompt by prompt."""
    pairs = [
        (mine, theirs)
        for my_round, their_round in zip(ours.rounds, bare.rounds, strict=True)
        for mine, theirs in zip(my_round["latencies"], their_round["latencies"], strict=True)
    ]
    added = sorted(1000 * (mine - theirs) for mine, theirs in pairs)
    return {
        "overhead": f"{ours.system} over {bare.system}",
        "prompts": ours.prompts,
        "median_ms": round(statistics.median(added), 1),
        "quartiles_ms": [round(quantile(added, 0.25), 1), round(quantile(added, 0.75), 1)],
        "median_share": round(statistics.median(mine / theirs - 1 for mine, theirs in pairs), 3),
        "n": len(pairs),
    }
