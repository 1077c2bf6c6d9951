"""How alike two texts are, and how varied many are."""

from collections import Counter
from collections.abc import Sequence

ORDER = 6
BETA = 2


def chrf(text: str, reference: str) -> float:
    """ChrF2 of one text, 0 to 100, as Popovic (2015), "chrF: character n-gram F-score", defines it.

    Character n-grams of 1 to 6 without white space; precision and recall are averaged over the
    orders that both texts have, and recall counts twice. Like sacrebleu's sentence score with its
    default settings.
    """
    one, other = "".join(text.split()), "".join(reference.split())
    orders = [_matches(one, other, n) for n in range(1, min(ORDER, len(one), len(other)) + 1)]
    if not orders:
        return 0.0
    precision = sum(found / mine for found, mine, _ in orders) / len(orders)
    recall = sum(found / theirs for found, _, theirs in orders) / len(orders)
    bottom = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / bottom if bottom else 0.0


def _matches(one: str, other: str, n: int) -> tuple[int, int, int]:
    """(common n-grams, those of the one text, those of the other), repetitions counted."""
    mine, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (one, other))
    return (mine & theirs).total(), mine.total(), theirs.total()


def distinct(texts: Sequence[str], n: int = 4) -> float | None:
    """Different n-grams of words over all n-grams of all texts together; None if there is none.

    Falls with the number of texts: compare sets of the same size only.
    """
    grams = [gram for text in texts for gram in _grams(text.lower().split(), n)]
    return round(len(set(grams)) / len(grams), 4) if grams else None


def _grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    """Runs of n words."""
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
