"""Distinct-n: which part of all n-grams is different, a measure of how varied texts are.

It falls as a corpus grows, since n-grams come again: numbers of corpora of different size say little beside
each other. So there is also the value at a fixed number of texts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ORDERS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct-1 to distinct-4 of some texts; each from 0 to 1."""

    texts: int
    corpus: tuple[float, ...]
    """Over all texts as one corpus."""
    sample: tuple[float, ...]
    """Over the first `Distinct.sampled` texts."""
    sampled: int
    """How many that are."""


def measure(texts: Sequence[Sequence[str]], sample: int) -> Distinct:
    """Distinct-n of tokenised texts, and of the first `sample` of them, which should stand there by chance."""
    part = texts[:sample]
    return Distinct(len(texts), distinct(texts), distinct(part), len(part))


def distinct(texts: Iterable[Sequence[str]]) -> tuple[float, ...]:
    """Different n-grams divided by all, for n = 1 to 4; texts too short for an n-gram have none.

    >>> distinct([["a", "b", "a", "b", "a"], ["a", "b", "a", "b"]])[1:]
    (0.2857142857142857, 0.4, 0.6666666666666666)
    """
    texts = list(texts)
    return tuple(_distinct(texts, n) for n in ORDERS)


def item_weighted(parts: Iterable[tuple[int, float]]) -> float:
    """The mean of values of several corpora, each with its number of texts: repeats between them do not count."""
    parts = list(parts)
    texts = sum(count for count, _ in parts)
    return sum(count * value for count, value in parts) / texts if texts else 0.0


def _distinct(texts: Iterable[Sequence[str]], n: int) -> float:
    """Of one order; one set at a time is what takes memory."""
    found: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        found.update(zip(*(text[start:] for start in range(n)), strict=False))
        total += max(0, len(text) - n + 1)
    return len(found) / total if total else 0.0
