"""All numbers of one comparison: one row of a table, seen by one judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bpo_model.compare.diagnostics import Diagnostics, diagnose
from bpo_model.compare.estimate import Estimate, View, by_set, view
from bpo_model.compare.length import LengthControlled, length_controlled
from bpo_model.compare.scores import Score, check_one_comparison, conservative_scores, item_scores
from bpo_model.compare.types import Judgment, Winner


@dataclass(frozen=True, slots=True)
class Summary:
    """One row and one judge; `dataclasses.asdict` gives what `json.dumps` takes."""

    experiment: str
    row: str
    judge: str
    items: View
    """Every item with a usable verdict."""
    conservative: View | None
    """A win only where both orders agree. None if no item was judged in both."""
    changed: View | None
    """Only items whose prompts differ. None if there are none."""
    lc_macro: LengthControlled | None
    lc_micro: LengthControlled | None
    length_explains: bool
    """Whether the macro interval leaves out 0 and the length-controlled one does not."""
    bounds: tuple[float, float]
    """Macro dwr with every invalid or failed verdict given to arm b, and to arm a."""
    diagnostics: Diagnostics


def summarize(judgments: Sequence[Judgment], *, seed: int, resamples: int = 10_000) -> Summary:
    """Everything about one comparison; the order of the input changes nothing.

    Raises:
        ValueError: If no verdict is usable, or the verdicts are not those of one comparison
            (`scores.check_one_comparison`).
    """
    check_one_comparison(judgments)
    scores = item_scores(judgments)
    if not scores:
        raise ValueError(f"none of {len(judgments)} verdicts is usable")
    items = view(scores, seed=seed, resamples=resamples)
    lc_macro, lc_micro = (
        length_controlled(scores, macro=macro, seed=seed, resamples=resamples) for macro in (True, False)
    )
    return Summary(
        experiment=judgments[0].experiment,
        row=judgments[0].row,
        judge=judgments[0].judge,
        items=items,
        conservative=_view(conservative_scores(judgments), seed, resamples),
        changed=_view([score for score in scores if score.changed], seed, resamples),
        lc_macro=lc_macro,
        lc_micro=lc_micro,
        length_explains=lc_macro is not None and _leaves_out_0(items.macro) and not _leaves_out_0(lc_macro),
        bounds=(_macro(judgments, missing="b"), _macro(judgments, missing="a")),
        diagnostics=diagnose(judgments, scores),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given: with a cut at 0.05, at most 5% of tables hold any false finding."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def _view(scores: Sequence[Score], seed: int, resamples: int) -> View | None:
    return view(scores, seed=seed, resamples=resamples) if scores else None


def _macro(judgments: Sequence[Judgment], missing: Winner) -> float:
    sets = by_set(item_scores(judgments, missing=missing))
    return 100 * fmean(fmean(score.value for score in scores) for scores in sets.values())


def _leaves_out_0(interval: Estimate | LengthControlled) -> bool:
    return interval.low > 0 or interval.high < 0
