"""Does a word occur in another text, in any form, with a typo corrected?"""

import re
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_][\w'’-]*")
_DERIVED = frozenset(
    """
    a able al ally als ance ant ants ate ated ates ation ations ative cial cy d e ed ement ements ence ent er ers es ful
    ial ible ic ical ied ies ility ing ingly ion ions ise ised ism ist ists ity ive ize ized le ly m ment ments nce nces ng
    nt nts on or ors ous r rs s sion t tial tic tical ties tion tions ty y
    """.split()
)
"""What may follow the letters that two forms of one word share."""
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "ally", "ed", "es", "ly", "er", "s", "y", "e")


def found_in(word: str, present: dict[str, set[str]]) -> bool:
    """Whether a word occurs, allowing for its form and for one corrected letter."""
    parts = [part for part in re.split(r"[-'’]", word) if len(part) > 1] or [word]
    return any(_near(option, present) for option in {word.lower(), stem(word)}) or all(
        _near(stem(part), present) for part in parts
    )


def stems(text: str) -> dict[str, set[str]]:
    """Stems of all words of a text and of the parts of hyphenated ones, by first letter."""
    found: dict[str, set[str]] = {}
    for word in _TOKEN.findall(text):
        for part in {word, *word.split("-")} - {""}:
            found.setdefault(part.lower()[0], set()).update((stem(part), part.lower()))
    return found


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A crude stem: lower case, no possessive, no common ending."""
    low = word.lower().replace("’", "'").removesuffix("'s").replace("-", "").replace("'", "")
    for ending in _ENDINGS:
        if low.endswith(ending) and len(low) - len(ending) >= 3:
            return low[: -len(ending)]
    return low


def _near(root: str, present: dict[str, set[str]]) -> bool:
    """Whether a stem, another form of the word, or its correction is present."""
    others = present.get(root[0], set())
    if root in others or root + "s" in others:
        return True
    if any(_one_family(root, other) for other in others):
        return True
    return len(root) >= 4 and any(_one_typo(root, other) for other in others)


def _one_family(left: str, right: str) -> bool:
    """Whether two words share six letters and go on with endings: "evaluation" and "evaluating", no made-up names."""
    if len(left) < 6 or left[:6] != right[:6]:
        return False
    shared = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    rests = {left[shared:], right[shared:]}
    return "" in rests or rests <= _DERIVED


def _one_typo(left: str, right: str) -> bool:
    """Whether two words differ by one insertion, deletion, exchange or swap of letters."""
    if abs(len(left) - len(right)) > 1:
        return False
    short, long = sorted((left, right), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    swapped = long[:start] + long[start : start + 2][::-1] + long[start + 2 :]
    return short[start + 1 :] == long[start + 1 :] or short == swapped
