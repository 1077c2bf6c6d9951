"""Word lists that the checks read, each a text file beside this one."""

from functools import lru_cache
from pathlib import Path

from bpo_model.language import function_words
from bpo_model.request import IMPERATIVES, QUESTION_OPENERS


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Everyday words: no names, even with a capital, and nothing that a negation is about."""
    return frozenset(_lines("common_words.txt")) | IMPERATIVES | QUESTION_OPENERS | function_words()["en"]


@lru_cache(maxsize=1)
def names_in_lower_case() -> frozenset[str]:
    """Countries, peoples, cities, days, programs and the like, which hasty users type without a capital."""
    return frozenset(_lines("names_in_lower_case.txt"))


@lru_cache(maxsize=1)
def weightless_words() -> frozenset[str]:
    """Words that a good rewrite may leave out: of grammar, of politeness, of asking."""
    return frozenset(_lines("weightless_words.txt"))


@lru_cache(maxsize=1)
def other_forms() -> dict[str, frozenset[str]]:
    """What else a word may be written as: shorthand written out (`ppl` -> people), irregular forms (mice -> mouse)."""
    forms: dict[str, frozenset[str]] = {}
    for entry in _lines("other_forms.txt"):
        short, _, full = entry.partition("=")
        group = frozenset((full or short).replace("/", "|").split("|"))
        for word in [short] if full else group:
            forms[word] = forms.get(word, frozenset()) | group
    return forms


def _lines(name: str) -> list[str]:
    """All entries of a list, without its comments."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [entry for line in lines if not line.startswith("#") for entry in line.split()]
