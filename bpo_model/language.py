"""Which language and script a text is in, from scripts and function words.

Our own few lines and not a library: detectors are trained on sentences and guess wildly
on prompts of three words, while the gate must say "English" or "surely not English", and
the contract only whether two texts agree.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path

TELLING_LETTERS = 4
"""One function word of so many letters is evidence enough, if no English one stands beside it."""
LONG_WITHOUT_ENGLISH = 8
"""So many different words, none of them an English function word, and one short one of another language is enough."""
_OTHER_LETTERS = frozenset("ąćčďęěğıłńňőøřśšşťůűźżžđățșåæõßœ")
"""Letters that English does not even borrow; é, ñ, ç and the like it does."""
_LETTERS = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=1)
def function_words() -> dict[str, frozenset[str]]:
    """Language code -> its most common words that carry no meaning of their own."""
    lines = (Path(__file__).parent / "function_words.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split(":", maxsplit=1) for line in lines if not line.startswith("#"))
    return {code: frozenset(listed.split()) for code, listed in rows}


def scripts(text: str) -> Counter[str]:
    """Letters by script: LATIN, CYRILLIC, ARABIC, CJK, ..."""
    found: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if char.isalpha():
            found[_script(char)] += count
    return found


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """First word of the character's Unicode name."""
    name = unicodedata.name(char, "UNKNOWN").split()[0].split("-")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA") else name  # Japanese mixes all three


def main_script(text: str) -> str:
    """The script of most letters; "" without letters."""
    return next((script for script, _ in scripts(text).most_common(1)), "")


@lru_cache(maxsize=16)  # gate and contract ask several times about the same text
def detect(text: str) -> str:
    """ISO 639-1 code, or the script's name for other scripts, or "" if it cannot be said.

    A Latin-script language wins by function words; a tie with English counts as English,
    since short prompts share words such as "a" and "me" with other languages.

    >>> detect("photosynthesis"), detect("¿Cómo se hace el pan?"), detect("как дела")
    ('', 'es', 'CYRILLIC')
    """
    script = main_script(text)
    if script not in ("LATIN", ""):
        return script
    words = {word.lower() for word in _LETTERS.findall(text) if len(word) > 1 or not word.isascii() or word in "aAI"}
    hits = {code: len(words & known) for code, known in function_words().items()}
    best = max(hits, key=lambda code: (hits[code], code == "en"))
    if best == "en":
        return _unknown(words) if _one_by_chance(words, hits["en"]) else "en"
    telling = (
        any(len(word) + (not word.isascii()) >= TELLING_LETTERS for word in words & function_words()[best])
        and not hits["en"]
    )
    long = hits[best] and not hits["en"] and len(words) >= LONG_WITHOUT_ENGLISH
    return best if hits[best] >= 2 or telling or long else _unknown(words)


def _one_by_chance(words: set[str], english: int) -> bool:
    """No English word, or but one, such as Lithuanian `be`, among three with letters that English does not have."""
    return not english or (english == 1 and sum(not _OTHER_LETTERS.isdisjoint(word) for word in words) >= 3)


def _unknown(words: set[str]) -> str:
    """The code `latin-other` if a letter tells that this is not English; else nothing."""
    return "latin-other" if any(letter in _OTHER_LETTERS for word in words for letter in word) else ""


def speaks(text: str, languages: tuple[str, ...]) -> bool:
    """Whether a text is in one of the languages, or cannot be told from them."""
    return not languages or (found := detect(text)) == "" or found in languages
