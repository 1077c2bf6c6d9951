"""What a reader must know of a comparison before its numbers: the judge's habits, and what is missing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bpo_model.compare.scores import Score, pairs, winner_of
from bpo_model.compare.types import Judgment

MAX_INVALID = 0.02
"""A judge that is unreadable more often than this is the wrong judge."""
MAX_FLIPS = 50.0
"""Per cent of the items; GPT-4 flips in 12.9% of them (lm-sys/FastChat issue 3911)."""


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Counts of verdicts and items, and per cent of the verdicts with status `ok`, which are the judge's own."""

    items: int
    """All that were asked, judged or not."""
    unjudged: int
    """Items left out of every number, as none of their verdicts is usable."""
    identical: int
    """Items with equal answers in some replicate: a tie without a call."""
    one_order: int
    """Items that the judge saw in one order only: position is not cancelled."""
    verdicts: int
    """Rows, one an item, order and replicate."""
    invalid: int
    """Answers of the judge without a usable verdict."""
    errors: int
    """Calls that failed."""
    first_position: float | None
    """Of the judge's verdicts that are no tie, those for the answer shown first; 50 is fair. None without any."""
    flips: float | None
    """Of the pairs of both orders, those with opposite winners. None without any."""
    ties: float | None
    """Of the judge's verdicts. None without any."""
    unchanged: float
    """Of the judged items, those whose prompts are the same in both arms."""
    length_ratio: float
    """Geometric mean over the judged items of length a / length b; an empty answer counts as one character."""


def diagnose(judgments: Sequence[Judgment], scores: Sequence[Score]) -> Diagnostics:
    """Counts habits and gaps.

    Args:
        judgments: All verdicts of one comparison.
        scores: The items' scores made of them, at least one.
    """
    own = [verdict for verdict in judgments if verdict.status == "ok"]
    asked = _items(judgments)
    identical = _items(verdict for verdict in judgments if verdict.status == "identical")
    usable = [verdict for verdict in judgments if winner_of(verdict)]
    seen = [_items(verdict for verdict in usable if verdict.order == order) for order in ("ab", "ba")]
    return Diagnostics(
        items=len(asked),
        unjudged=len(asked) - len(scores),
        identical=len(identical),
        one_order=len((seen[0] ^ seen[1]) - identical),
        verdicts=len(judgments),
        invalid=sum(verdict.status == "invalid" for verdict in judgments),
        errors=sum(verdict.status == "error" for verdict in judgments),
        first_position=_percent(verdict.winner == verdict.order[0] for verdict in own if verdict.winner != "tie"),
        flips=_percent(set(pair) == {"a", "b"} for pair in pairs(own)),
        ties=_percent(verdict.winner == "tie" for verdict in own),
        unchanged=100 * fmean(not score.changed for score in scores),
        length_ratio=math.exp(fmean(math.log(max(s.length_a, 1) / max(s.length_b, 1)) for s in scores)),
    )


def _items(judgments: Iterable[Judgment]) -> set[tuple[str, str]]:
    return {(verdict.set, verdict.item) for verdict in judgments}


def _percent(facts: Iterable[bool]) -> float | None:
    known = list(facts)
    return 100 * fmean(known) if known else None
