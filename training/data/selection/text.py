"""The few readings of a text that the stages share, and the order in which rows are preferred."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from training.data.types import Preference

_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Han and kana: written without spaces, so that every character counts as a word."""
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")
_UNSPACED_CHARACTER = re.compile(rf"[{_UNSPACED}]")
_APOSTROPHE = re.compile(r"['’‘`´]")
_PLAIN_WORD = re.compile(r"[^\W_]+")
_OUTER_PUNCTUATION = " .,;:!?'\"…。！？"


def prompt_of(row: Preference) -> str:
    """Instruction and context as one text, in the paper's order."""
    return f"{row.instruction}\n{row.context}" if row.context else row.instruction


def by_rank(rows: Iterable[Preference], seed: int) -> list[Preference]:
    """The rows in an order that depends on the seed and their ids alone, not on how they came.

    Sorted by SHA-256 of seed and id: a shuffle that stays the same for a row when others come or go.
    """
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed} {row.id}".encode("utf-8", "surrogatepass")).digest())


def tokens(text: str) -> list[str]:
    """Lower-case words and single punctuation marks, as self-BLEU and distinct-n count them.

    >>> tokens("Isn't it 4x4? 好的")
    ['isn', "'", 't', 'it', '4x4', '?', '好', '的']
    """
    return _TOKEN.findall(text.lower())


def count_words(text: str) -> int:
    """Pieces between spaces, or Han and kana characters, whichever are more."""
    return max(len(text.split()), len(_UNSPACED_CHARACTER.findall(text)))


def normalised(text: str) -> str:
    r"""The text without differences of case, width, white space and outer punctuation.

    >>> normalised("  What IS\n this?! ")
    'what is this'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(_OUTER_PUNCTUATION)


def plain_words(text: str) -> list[str]:
    """Words without case, punctuation or apostrophes.

    >>> plain_words("What’s on_the 2nd page?")
    ['whats', 'on', 'the', '2nd', 'page']
    """
    return _PLAIN_WORD.findall(_APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold()))
