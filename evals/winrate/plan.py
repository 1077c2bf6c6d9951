"""What a run will take, before anything is spent; needs neither network nor keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evals.winrate.experiments import Row
from evals.winrate.models import ModelSpec
from evals.winrate.types import Item

CHARACTERS_PER_TOKEN = 4.0
ANSWER_TOKENS = 350
"""Of one answer, as in the paper's sets with chat models."""
VERDICT_TOKENS = 250
INSTRUCTION_TOKENS = 300
"""Of a judge's template."""
SECONDS_PER_CALL = 8.0
REWRITE_GROWTH = 1.6
"""Length of a rewritten prompt over the original's (docs/speed.md, BPO-test)."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one model has to do."""

    role: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    """None: the price is unknown."""
    minutes: float


def plan(
    rows: Sequence[Row],
    items: Sequence[Item],
    targets: Mapping[str, ModelSpec],
    judges: Mapping[str, ModelSpec],
    *,
    orders: int = 2,
    replicates: int = 1,
) -> list[Line]:
    """At most so much: equal answers and prompts cost less, and what a store holds costs nothing."""
    prompt = fmean(len(item.prompt) for item in items) / CHARACTERS_PER_TOKEN
    asked = {(arm.target, arm.rewriter, arm.iterations) for row in rows for arm in (row.a, row.b)}
    lines = []
    for alias, spec in targets.items():
        rewriters = [rewriter for target, rewriter, _ in asked if target == alias]
        reads = sum(prompt * (1 if rewriter in {"none", "identity"} else REWRITE_GROWTH) for rewriter in rewriters)
        calls = len(rewriters) * len(items) * replicates
        lines.append(_line("target", alias, spec, calls, reads * len(items) * replicates, ANSWER_TOKENS * calls))
    for alias, spec in judges.items():
        calls = len(rows) * len(items) * orders * replicates
        reads = (prompt + 2 * ANSWER_TOKENS + INSTRUCTION_TOKENS) * calls
        lines.append(_line("judge", alias, spec, calls, reads, VERDICT_TOKENS * calls))
    return lines


def to_text(lines: Sequence[Line], rows: int, items: int) -> str:
    """The plan as a table, with a total that is unknown as soon as one price is."""
    head = f"{rows} comparisons of {items} items\n\n{'':8}{'model':24}{'calls':>10}{'tokens in':>14}{'out':>12}"
    text = [f"{head}{'USD':>10}{'minutes':>10}"]
    for line in lines:
        usd = "unknown" if line.usd is None else f"{line.usd:.2f}"
        counts = f"{line.calls:>10,}{line.tokens_in:>14,}{line.tokens_out:>12,}"
        text.append(f"{line.role:8}{line.model:24}{counts}{usd:>10}{line.minutes:>10.0f}")
    prices = [line.usd for line in lines]
    total = "unknown" if None in prices else f"{sum(price or 0 for price in prices):.2f}"
    text.append(f"\ntotal: {sum(line.calls for line in lines):,} calls, USD {total}")
    return "\n".join(text)


def _line(role: str, alias: str, spec: ModelSpec, calls: int, reads: float, writes: float) -> Line:
    known = spec.price_in is not None and spec.price_out is not None
    usd = (reads * (spec.price_in or 0) + writes * (spec.price_out or 0)) / 1e6 if known else None
    return Line(role, alias, calls, round(reads), round(writes), usd, calls * SECONDS_PER_CALL / spec.concurrency / 60)
