"""What a run will take, before anything is spent; needs neither network nor keys."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.expense import (
    ANSWER_TOKENS,
    CHARACTERS_PER_TOKEN,
    INSTRUCTION_TOKENS,
    VERDICT_TOKENS,
    Line,
    line_of,
    total_usd,
)
from bpo_model.compare.types import Item
from evals.winrate.experiments import Row

REWRITE_GROWTH = 1.6
"""Length of a rewritten prompt over the original's (docs/speed.md, BPO-test)."""


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
        lines.append(line_of("target", alias, spec, calls, reads * len(items) * replicates, ANSWER_TOKENS * calls))
    for alias, spec in judges.items():
        calls = len(rows) * len(items) * orders * replicates
        reads = (prompt + 2 * ANSWER_TOKENS + INSTRUCTION_TOKENS) * calls
        lines.append(line_of("judge", alias, spec, calls, reads, VERDICT_TOKENS * calls))
    return lines


def to_text(lines: list[Line], rows: int, items: int) -> str:
    """The plan as a table, with a total that is unknown as soon as one price is."""
    head = f"{rows} comparisons of {items} items\n\n{'':8}{'model':24}{'calls':>10}{'tokens in':>14}{'out':>12}"
    text = [f"{head}{'USD':>10}{'minutes':>10}"]
    for line in lines:
        usd = "unknown" if line.usd is None else f"{line.usd:.2f}"
        counts = f"{line.calls:>10,}{line.tokens_in:>14,}{line.tokens_out:>12,}"
        text.append(f"{line.role:8}{line.model:24}{counts}{usd:>10}{line.minutes:>10.0f}")
    usd_of_all = total_usd(lines)
    total = "unknown" if usd_of_all is None else f"{usd_of_all:.2f}"
    text.append(f"\ntotal: {sum(line.calls for line in lines):,} calls, USD {total}")
    return "\n".join(text)
