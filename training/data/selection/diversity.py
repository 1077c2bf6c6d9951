"""A diverse part of one source: no prompt repeats more of those chosen before it than the source can afford.

The paper filters by self-BLEU and gives no threshold. A fixed one keeps less and less of a growing set, so that
what one wants to say is how many rows are needed: the lowest threshold that still gives them is found by
bisection, and reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.selection.self_bleu import Marks, Visit, mark, visit
from training.data.selection.text import by_rank, prompt_of, tokens
from training.data.types import Preference, Reject

STEPS = 1024
"""Thresholds are told apart to this part of the highest."""


@dataclass(frozen=True, slots=True)
class Diverse:
    """What is kept of a source."""

    kept: list[Preference]
    rejects: list[Reject]
    tau: float
    """The threshold that was used, at most the one asked for."""


def diversify(rows: Sequence[Preference], seed: int, tau: float, quota: int | None = None) -> Diverse:
    """Keep rows whose BLEU with all kept before, by rank, is `tau` or less; with a quota, at most so many.

    If `tau` leaves more than the quota, it is lowered as far as the quota can still be filled. Rows beyond
    the threshold are `similar`; rows that were not needed any more are `over_quota`.
    """
    ranked = by_rank(rows, seed)
    marks = mark([tokens(prompt_of(row)) for row in ranked])
    tau = tau if quota is None else lowest_tau(marks, quota, tau)
    visits = _visits(marks, tau, len(ranked) if quota is None else quota)
    kept = [row for row, found in zip(ranked, visits, strict=False) if found.kept]
    rejects = [
        Reject(row.id, row.source, "select", "similar", f"self-BLEU {found.score:.3f}, at most {tau:.3f}")
        for row, found in zip(ranked, visits, strict=False)
        if not found.kept
    ]
    beyond = [Reject(row.id, row.source, "select", "over_quota", f"{quota} rows") for row in ranked[len(visits) :]]
    return Diverse(kept, rejects + beyond, tau)


def lowest_tau(marks: Marks, quota: int, highest: float) -> float:
    """The lowest threshold up to `highest` that keeps `quota` texts; `highest` if none does.

    How many are kept hardly ever falls with a rising threshold, but it can, so that "lowest" is what bisection
    finds: one that fills the quota, while one `highest / STEPS` lower does not.
    """
    if not _fills(marks, quota, highest):
        return highest
    low, high = -1, STEPS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fills(marks, quota, highest * middle / STEPS) else (middle, high)
    return highest * high / STEPS


def _fills(marks: Marks, quota: int, tau: float) -> bool:
    """Whether a threshold keeps so many texts; stops as soon as that is sure."""
    needed, left = quota, len(marks.lengths)
    for found in visit(marks, tau):
        if needed <= 0 or needed > left:
            break
        needed -= found.kept
        left -= 1
    return needed <= 0


def _visits(marks: Marks, tau: float, quota: int) -> list[Visit]:
    """Visits up to the last text that is needed."""
    visits, kept = [], 0
    for found in visit(marks, tau):
        if kept == quota:
            break
        visits.append(found)
        kept += found.kept
    return visits
