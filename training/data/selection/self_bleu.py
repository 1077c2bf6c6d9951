"""Self-BLEU-4 of many texts in linear time: how much of a text the other texts say too.

The BLEU of a text with all others as references (Texygen's self-BLEU), exactly as nltk's `sentence_bleu` with
`SmoothingFunction(epsilon=0.1).method1` computes it. Compared pairwise that would be quadratic. Here the k-th
time that an n-gram comes in a text is one mark (`the`, `the` again, ...), and a text is a set of marks: BLEU
clips the count of an n-gram with its highest count in a reference, and that is to ask which marks any
reference has too. Marks of one text alone never match, nor can a longer n-gram match whose parts do not, so
that little has to be remembered.
"""

import math
from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

Numbers: TypeAlias = "array[int]"
"""Unsigned, of four bytes."""
ORDERS = 4
EPSILON = 0.1
"""In place of a count of zero, as in smoothing method 1 of Chen and Cherry (2014)."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What each of a list of texts has in common with any other one."""

    lengths: list[int]
    """Tokens of each text."""
    shared: list[tuple[Numbers, ...]]
    """For each text and each n from 1 to 4 the numbers of its marks that another text has too."""
    count: int
    """How many different shared marks there are."""


def mark(texts: Sequence[Sequence[str]]) -> Marks:
    """Number the marks that two or more of the tokenised texts have; time and memory are linear in the tokens."""
    shared: list[list[Numbers]] = [[] for _ in texts]
    grams: list[Sequence[Hashable]] = list(texts)
    count = 0
    for _ in range(ORDERS):
        known = _common(grams)
        places = [[known.get(gram) for gram in line] for line in grams]
        numbers = _common(map(_times, places), start=count)
        for found, line in zip(shared, places, strict=True):
            found.append(array("I", (numbers[times] for times in _times(line) if times in numbers)))
        count += len(numbers)
        grams = [_longer(line) for line in places]
    return Marks([len(text) for text in texts], [tuple(found) for found in shared], count)


def leave_one_out(marks: Marks) -> list[float]:
    """Self-BLEU of every text, from 0 to 1: its BLEU with all the others as references.

    >>> leave_one_out(mark([["a", "red", "fox", "ran"], ["a", "red", "fox", "ran"], ["no"]]))
    [1.0, 1.0, 0.0]
    """
    times = Counter(marks.lengths)
    lengths = sorted(times)
    scores = []
    for length, shared in zip(marks.lengths, marks.shared, strict=True):
        others = lengths if times[length] > 1 else [other for other in _around(lengths, length) if other != length]
        scores.append(bleu([len(found) for found in shared], length, closest(others, length)) if others else 0.0)
    return scores


@dataclass(frozen=True, slots=True)
class Visit:
    """What the filter found of one text."""

    score: float
    """BLEU with all texts kept before as references."""
    kept: bool


def visit(marks: Marks, tau: float) -> Iterator[Visit]:
    """Go through the texts in order, and keep each whose BLEU with those kept before is `tau` or less."""
    seen = bytearray(marks.count)
    lengths: list[int] = []
    for length, shared in zip(marks.lengths, marks.shared, strict=True):
        matches = [sum(map(seen.__getitem__, found)) for found in shared]
        score = bleu(matches, length, closest(lengths, length)) if lengths else 0.0
        if score <= tau:
            _remember(length, shared, lengths, seen)
        yield Visit(score, score <= tau)


def bleu(matches: Sequence[int], length: int, reference: int) -> float:
    """BLEU of a text of so many tokens from its clipped matches for n = 1 to 4 and a reference's length."""
    if not matches[0]:
        return 0.0
    logs = math.fsum(math.log((found or EPSILON) / max(1, length - n)) for n, found in enumerate(matches))
    return (1.0 if length > reference else math.exp(1 - reference / length)) * math.exp(logs / ORDERS)


def closest(lengths: Sequence[int], length: int) -> int:
    """The one of sorted lengths that is closest, the smaller one of two."""
    return min(_around(lengths, length), key=lambda other: (abs(other - length), other))


def _around(lengths: Sequence[int], length: int) -> Sequence[int]:
    """The length itself, if it is there, and its neighbours in a sorted list."""
    place = bisect_left(lengths, length)
    return lengths[max(0, place - 1) : place + 2]


def _remember(length: int, shared: Sequence[Numbers], lengths: list[int], seen: bytearray) -> None:
    """Make a text one of the references."""
    for found in shared:
        for number in found:
            seen[number] = 1
    place = bisect_left(lengths, length)
    if place == len(lengths) or lengths[place] != length:
        insort(lengths, length)


def _common(lines: Iterable[Iterable[Any]], start: int = 0) -> dict[Any, int]:
    """Numbers from `start` for all that stands in two lines or more; None is nothing."""
    found: Counter[Any] = Counter()
    for line in lines:
        found.update(set(line))
    del found[None]
    common = (one for one, lines_with_it in found.items() if lines_with_it > 1)
    return {one: start + number for number, one in enumerate(common)}


def _times(line: Iterable[int | None]) -> list[Hashable]:
    """The marks of a text: a gram when it comes first, and with the number of earlier times afterwards."""
    times: dict[int, int] = {}
    marks: list[Hashable] = []
    for gram in line:
        if gram is None:
            continue
        earlier = times.get(gram, 0)
        times[gram] = earlier + 1
        marks.append((gram, earlier) if earlier else gram)
    return marks


def _longer(line: Sequence[int | None]) -> list[Hashable]:
    """For every place the gram that is one token longer, if both its parts are shared."""
    return [None if left is None or right is None else left << 32 | right for left, right in pairwise(line)]
