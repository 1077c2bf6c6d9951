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

_LETTERS = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=1)
def function_words() -> dict[str, frozenset[str]]:
    """Language code -> its most common words that carry no meaning of their own."""
    lines = (Path(__file__).parent / "function_words.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split(":", maxsplit=1) for line in lines if not line.startswith("#"))
    return {code: frozenset(listed.split()) for code, listed in rows}


def scripts(text: str) -> Counter[str]:
    """Letters by script: LATIN, CYRILLIC, ARABIC, CJK, ..."""
    return Counter(_script(char) for char in text if char.isalpha())


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """First word of the character's Unicode name."""
    return unicodedata.name(char, "UNKNOWN").split()[0].split("-")[0]


def main_script(text: str) -> str:
    """The script of most letters; "" without letters."""
    return next((script for script, _ in scripts(text).most_common(1)), "")


def detect(text: str) -> str:
    """ISO 639-1 code, or the script's name for other scripts, or "" if it cannot be said.

    A Latin-script language wins by function words; a tie with English counts as English,
    since short prompts share words such as "a" and "me" with other languages.

    >>> detect("best laptop under $800"), detect("¿Cómo se hace el pan?"), detect("как дела")
    ('', 'es', 'CYRILLIC')
    """
    script = main_script(text)
    if script not in ("LATIN", ""):
        return script
    words = {word.lower() for word in _LETTERS.findall(text) if len(word) > 1 or not word.isascii() or word == "I"}
    hits = {code: sum(word in known for word in words) for code, known in function_words().items()}
    best = max(hits, key=lambda code: (hits[code], code == "en"))
    if hits[best] == 0 or (best != "en" and hits[best] < 2 and not _foreign_letters(text)):
        return "" if not _foreign_letters(text) or hits["en"] else "latin-other"
    return best


def _foreign_letters(text: str) -> bool:
    """Whether a fair share of the letters do not occur in English words."""
    letters = [char for char in text if char.isalpha()]
    return sum(not char.isascii() for char in letters) * 20 > len(letters)


def speaks(text: str, languages: tuple[str, ...]) -> bool:
    """Whether a text is in one of the languages, or cannot be told from them."""
    return not languages or (found := detect(text)) == "" or found in languages
