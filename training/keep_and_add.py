"""Keep and add: targets that keep the user's words in their order, and add to them.

A strong LLM paraphrases freely and loses little. The small optimizer, trained on the same targets, loses a word of the
user's in one rewrite of seven; trained on these, in one of sixteen (training/LOG.md). What a teacher only says in other
words gives no lesson; where he adds whole sentences, they are put behind the prompt as the user wrote it.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator

from bpo_model.checks.matching import stem
from bpo_model.checks.safety import UNSAFE, is_safety_rewrite
from bpo_model.contract import verify
from bpo_model.request import QUESTION_OPENERS, words
from bpo_model.split import split
from training.pairs import Row, Rows

MOST_OF_USER = 0.4
"""Of the words of a sentence, for it to be an addition of the teacher's."""
SHARE_FIXED = 0.3
"""Of the long enough targets, how many come again as prompts that need no change: the optimizer learns to stop."""
FIXED_WORDS = range(18, 91)
_WORD = re.compile(r"\w+")
_SENTENCES = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_OPEN_END = re.compile(r"[\w)\]\"'”’}%]$")
_CODE_LIKE = re.compile(r"\w*[A-Z_./@\d]")


def keep_and_add(rows: Rows, seed: int) -> Rows:
    """The rows whose target keeps the words or can be made to, and some targets as prompts that need no change.

    Safety rewrites stay as they are and come twice. The others are rejected as `other_words`.
    """
    kept, rejected = list[Row](), dict(rows.rejected)
    for row in rows.kept:
        new = _restyled(row)
        if new:
            kept.append(new)
        else:
            rejected[row.id] = "other_words"
    return Rows([*kept, *_safety_again(kept), *_fixed_points(kept, seed)], rejected)


def keeps_words(instruction: str, optimized: str) -> bool:
    """Whether all words of the instruction stand in the target in their order, whatever stands between them.

    >>> keeps_words("ideas for lunch", "Suggest quick ideas for a vegan lunch.")
    True
    """
    rest = iter(_plain(optimized))
    return all(word in rest for word in _plain(instruction))


def with_additions(instruction: str, optimized: str) -> str:
    """The instruction, with the sentences behind it that the teacher added; "" if he added none.

    >>> with_additions("how do zips work", "Explain the working of zips. Name their parts and what each one does.")
    'How do zips work? Name their parts and what each one does.'
    """
    sentences, mine = _SENTENCES.split(optimized.strip()), {stem(word) for word in _plain(instruction)}
    count = 0
    while count < len(sentences) - 1 and _is_added(sentences[-1 - count], mine):
        count += 1
    return f"{_finished(instruction)} {' '.join(sentences[-count:])}" if count else ""


def _restyled(row: Row) -> Row | None:
    """The row as it is, with another target, or None."""
    unsafe = UNSAFE.search(row.instruction) or is_safety_rewrite(row.instruction, row.optimized)
    if unsafe or keeps_words(row.instruction, row.optimized):
        return row
    target = with_additions(row.instruction, row.optimized)
    if not target or verify(row.instruction, target):
        return None
    return Row(row.id, row.source, row.instruction, target)


def _safety_again(rows: Iterable[Row]) -> Iterator[Row]:
    """Turning a request around is the one thing that keeping words does not teach."""
    for row in rows:
        if row.instruction != row.optimized and is_safety_rewrite(row.instruction, row.optimized):
            yield Row(f"{row.id}~again", row.source, row.instruction, row.optimized)


def _fixed_points(rows: Iterable[Row], seed: int) -> Iterator[Row]:
    """Targets that are prompts of their own and good enough; which ones depends on seed and id alone."""
    for row in rows:
        rng = random.Random(hashlib.sha256(f"{seed} {row.id}".encode()).digest())
        chosen = rng.random() < SHARE_FIXED and len(row.optimized.split()) in FIXED_WORDS
        if chosen and row.instruction != row.optimized and not UNSAFE.search(row.instruction):
            parts = split(row.optimized)
            if parts.clear and parts.instruction == row.optimized:
                yield Row(f"{row.id}~fixed", row.source, row.optimized, row.optimized)


def _is_added(sentence: str, mine: set[str]) -> bool:
    """Whether few words of a sentence are the user's."""
    said = [stem(word) for word in words(sentence) if len(word) > 2]
    return sum(word in mine for word in said) <= MOST_OF_USER * len(said)


def _finished(instruction: str) -> str:
    """With a capital at the start and a mark at the end, where they are missing."""
    text = instruction.strip()
    first = text.split()[0]
    if text[0].islower() and not _CODE_LIKE.match(first):
        text = text[0].upper() + text[1:]
    if not _OPEN_END.search(text):
        return text
    asked = first.lower() in QUESTION_OPENERS and "." not in text
    return text + ("?" if asked else ".")


def _plain(text: str) -> list[str]:
    """Words in lower case, without marks."""
    return _WORD.findall(text.casefold())
