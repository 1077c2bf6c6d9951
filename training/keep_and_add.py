"""Keep and add: targets that begin with the user's own words and add to them.

A strong LLM paraphrases freely and loses little. The small optimizer, trained on the same targets, loses a word of the
user's in one rewrite of seven. So the prompt is given to it as the start of its reply, in training and at run time
(bpo_model.prefill), and it learns what to add and when to add nothing. What a teacher only says in other words gives
no lesson; where he adds whole sentences, they are put behind the prompt as the user wrote it.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bpo_model.checks.matching import stem
from bpo_model.checks.safety import is_safety_rewrite
from bpo_model.contract import verify
from bpo_model.prefill import finished, prefill
from bpo_model.request import words
from bpo_model.split import split
from training.pairs import Row, Rows

MOST_OF_USER = 0.4
"""Of the words of a sentence, for it to be an addition of the teacher's."""
SHARE_UNCHANGED = 1 / 3
"""Of the pairs whose prompt stays as it is, how many are kept; with all of them fewer are rewritten, no better."""
SHARE_FIXED = 0.3
"""Of the long enough targets, how many come again as prompts that need no change: the optimizer learns to stop."""
FIXED_WORDS = range(18, 91)
_WORD = re.compile(r"\w+")
_SENTENCES = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")


def keep_and_add(rows: Rows, seed: int) -> Rows:
    """The rows whose target can be made to begin with the prompt, and some targets as prompts that need no change.

    Prompts that look unsafe keep their target as it is, and come twice, being few; those with weak signs only, whose
    target turns to the safe side, are learned as prompts to which nothing is added. Rejected are paraphrases
    (`other_words`) and most of the pairs that stay as they are (`unchanged`).
    """
    kept, rejected = list[Row](), dict(rows.rejected)
    for row in rows.kept:
        new = _restyled(row)
        if not new:
            rejected[row.id] = "other_words"
        elif row.instruction == row.optimized and not _chosen(row, seed, SHARE_UNCHANGED):
            rejected[row.id] = "unchanged"
        else:
            kept.append(new)
    twice = [replace(row, id=f"{row.id}~again") for row in kept if not prefill(row.instruction)]
    return Rows([*kept, *twice, *_fixed_points(kept, seed)], rejected)


def with_additions(instruction: str, optimized: str) -> str:
    """The instruction, with the sentences behind it that the teacher added; "" if he added none.

    >>> with_additions("how do zips work", "Explain the working of zips. Name their parts and what each one does.")
    'how do zips work? Name their parts and what each one does.'
    """
    sentences, mine = _SENTENCES.split(optimized.strip()), _plain(instruction)
    count = 0
    while count < len(sentences) - 1 and _is_added(sentences[-1 - count], mine):
        count += 1
    start, added = finished(instruction), " ".join(sentences[-count:])
    return "" if not count else start + added if start.endswith("\n") else f"{start} {added}"


def _restyled(row: Row) -> Row | None:
    """The row as it is, with another target, or None."""
    start = prefill(row.instruction)
    if not start:
        return row
    if row.optimized in (row.instruction, start) or is_safety_rewrite(row.instruction, row.optimized):
        return replace(row, optimized=start)
    target = with_additions(row.instruction, row.optimized)
    return replace(row, optimized=target) if target and not verify(row.instruction, target) else None


def _fixed_points(rows: Iterable[Row], seed: int) -> Iterator[Row]:
    """Targets that are prompts of their own and good enough; which ones depends on seed and id alone."""
    for row in rows:
        added = prefill(row.instruction) not in ("", row.optimized)
        if added and len(row.optimized.split()) in FIXED_WORDS and _chosen(row, seed, SHARE_FIXED):
            parts = split(row.optimized)
            if parts.clear and parts.instruction == row.optimized:
                yield Row(f"{row.id}~fixed", row.source, row.optimized, finished(row.optimized))


def _chosen(row: Row, seed: int, share: float) -> bool:
    """Whether a row is among a share of all."""
    return random.Random(hashlib.sha256(f"{seed} {row.id}".encode()).digest()).random() < share


def _is_added(sentence: str, mine: list[str]) -> bool:
    """Whether few words of a sentence are the user's, and no run of them."""
    said, known = [stem(word) for word in words(sentence) if len(word) > 2], {stem(word) for word in mine}
    repeated = _runs(_plain(sentence)) & _runs(mine)
    return not repeated and sum(word in known for word in said) <= MOST_OF_USER * len(said)


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    """Four words in a row."""
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def _plain(text: str) -> list[str]:
    """Words in lower case, without marks."""
    return _WORD.findall(text.casefold())
