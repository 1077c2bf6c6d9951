"""From verdicts to one score an item: the item is the sample of every statistic, never the verdict."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bpo_model.compare.types import Judgment, Order, Winner

ORDERS: tuple[Order, ...] = ("ab", "ba")


@dataclass(frozen=True, slots=True)
class Score:
    """What all verdicts on one item say together."""

    set: str
    item: str
    a: float
    """Share of verdicts for arm a, 0 to 1; both orders weigh the same, however many verdicts each has."""
    b: float
    length_a: float
    """Mean characters of arm a's answers over the verdicts."""
    length_b: float
    changed: bool

    @property
    def value(self) -> float:
        """-1 (all verdicts for arm b) to 1 (all for a); rounded, so that a third minus a third is a tie."""
        return round(self.a - self.b, 12)


def item_scores(judgments: Iterable[Judgment], *, missing: Winner | None = None) -> list[Score]:
    """Scores by set and item id, whatever the order of the input.

    Args:
        judgments: Verdicts of one comparison.
        missing: Who wins where a verdict is invalid or its call failed; None leaves the verdict
            out, and the item with it if it has no other.
    """
    return [
        score
        for group in _groups(judgments)
        if (score := _score(group, [(verdict.order, winner_of(verdict, missing)) for verdict in group]))
    ]


def conservative_scores(judgments: Iterable[Judgment]) -> list[Score]:
    """An arm wins only if both orders name it, everything else is a tie; items without both orders are left out."""
    return [score for group in _groups(judgments) if (score := _score(group, _agreed(group)))]


def pairs(group: Iterable[Judgment]) -> list[tuple[Winner, Winner]]:
    """Winners in both orders, one pair a replicate that has both; equal answers count as judged in both."""
    found: dict[tuple[str, str, int], dict[Order, Winner]] = defaultdict(dict)
    for verdict in group:
        if winner := winner_of(verdict):
            orders = ORDERS if verdict.status == "identical" else (verdict.order,)
            found[verdict.set, verdict.item, verdict.replicate].update(dict.fromkeys(orders, winner))
    return [(winners["ab"], winners["ba"]) for _, winners in sorted(found.items()) if len(winners) == len(ORDERS)]


def winner_of(verdict: Judgment, missing: Winner | None = None) -> Winner | None:
    """The winner if the verdict is usable, else `missing`."""
    return verdict.winner if verdict.status in {"ok", "identical"} else missing


def check_one_comparison(judgments: Sequence[Judgment]) -> None:
    """Rejects what would be averaged wrongly.

    Raises:
        ValueError: If there are no verdicts or of several comparisons, or two of the same item,
            order and replicate, or usable ones without a winner.
    """
    comparisons = {(verdict.experiment, verdict.row, verdict.judge) for verdict in judgments}
    if len(comparisons) != 1:
        raise ValueError(f"expected the verdicts of one comparison, got {sorted(comparisons)}")
    if len({(verdict.set, verdict.item, verdict.order, verdict.replicate) for verdict in judgments}) < len(judgments):
        raise ValueError("two verdicts on the same item, order and replicate; keep the last of each key")
    if any(winner_of(verdict, "tie") is None for verdict in judgments):
        raise ValueError("a usable verdict (ok or identical) has no winner")


def _groups(judgments: Iterable[Judgment]) -> list[list[Judgment]]:
    """Verdicts of one item each, everything sorted."""
    found: dict[tuple[str, str], list[Judgment]] = defaultdict(list)
    for verdict in judgments:
        found[verdict.set, verdict.item].append(verdict)
    return [sorted(group, key=lambda verdict: (verdict.order, verdict.replicate)) for _, group in sorted(found.items())]


def _agreed(group: Iterable[Judgment]) -> list[tuple[Order, Winner]]:
    """One winner a replicate; the order means nothing any more."""
    return [("ab", first if first == second else "tie") for first, second in pairs(group)]


def _score(group: Sequence[Judgment], winners: Iterable[tuple[Order, Winner | None]]) -> Score | None:
    by_order: Mapping[Order, list[Winner]] = {order: [] for order in ORDERS}
    for order, winner in winners:
        if winner:
            by_order[order].append(winner)
    if not any(by_order.values()):
        return None
    judged = [verdict for verdict in group if winner_of(verdict)] or group
    return Score(
        set=group[0].set,
        item=group[0].item,
        a=_share("a", by_order.values()),
        b=_share("b", by_order.values()),
        length_a=fmean(verdict.length_a for verdict in judged),
        length_b=fmean(verdict.length_b for verdict in judged),
        changed=any(verdict.changed for verdict in group),
    )


def _share(arm: Winner, orders: Iterable[Sequence[Winner]]) -> float:
    return fmean(fmean(winner == arm for winner in winners) for winners in orders if winners)
