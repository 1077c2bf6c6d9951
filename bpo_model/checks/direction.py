"""Checks that a rewrite does not turn the prompt around: limits, opposites, from-to."""

import re

_LIMIT = re.compile(
    r"\b(under|below|less than|fewer than|at most|up to|no more than|max(?:imum)?(?: of)?|within"
    r"|over|above|more than|at least|no less than|no fewer than|min(?:imum)?(?: of)?|before|after|until|since)\s+([$€£¥₹]?\d[\d.,]{0,20})",
    re.IGNORECASE,
)
_UPPER = (
    "under",
    "below",
    "less than",
    "fewer than",
    "at most",
    "up to",
    "no more than",
    "max",
    "maximum",
    "within",
    "before",
    "until",
)
OPPOSITES = (
    ("best", "worst"), ("before", "after"), ("cheapest", "most expensive"), ("advantages", "disadvantages"), ("pros", "cons"),
    ("increase", "decrease"), ("oldest", "newest"), ("largest", "smallest"), ("safe", "unsafe"), ("legal", "illegal"),
    ("above", "below"), ("buy", "sell"), ("beginner", "expert"), ("indoor", "outdoor"), ("hot", "cold"), ("include", "exclude"),
    ("maximize", "minimize"), ("gain", "lose"), ("import", "export"), ("encrypt", "decrypt"), ("ascending", "descending"),
)  # fmt: skip
_FROM_TO = re.compile(r"\bfrom\s+(\w{2,30})\s+(?:in)?to\s+(\w{2,30})", re.IGNORECASE)


def limits_kept(original: str, candidate: str) -> str:
    """An upper limit stays an upper limit, a lower one a lower one.

    passes: "under $800" -> "for less than $800"; fails: "under $800" -> "over $800".
    """
    before, after = _limits(original), _limits(candidate)
    turned = [number for number, sides in before.items() if number in after and not sides & after[number]]
    return f"limit turned around at {', '.join(turned)}" if turned else ""


def opposites_kept(original: str, candidate: str) -> str:
    """No key word is replaced by its opposite, and a from-to keeps its direction.

    passes: "best phones" -> "What are the best phones?"; fails: "best phones" -> "What are the worst phones?"
    """
    for pair in OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            if _only(word, opposite, original) and _only(opposite, word, candidate):
                return f"{word} became {opposite}"
    ways = {(a.casefold(), b.casefold()) for a, b in _FROM_TO.findall(original)}
    turned = [way for way in _FROM_TO.findall(candidate) if (way[1].casefold(), way[0].casefold()) in ways]
    return f"from {turned[0][1]} to {turned[0][0]} was turned around" if turned else ""


def _limits(text: str) -> dict[str, set[bool]]:
    """Number -> whether it is an upper limit (True), a lower one (False), or both."""
    found: dict[str, set[bool]] = {}
    for words, number in _LIMIT.findall(text):
        side = words.lower().removesuffix(" of") in _UPPER
        found.setdefault(number.strip("$€£¥₹").rstrip(".,"), set()).add(side)
    return found


def _only(word: str, other: str, text: str) -> bool:
    """Whether a text holds the first word and not the second."""
    low = text.lower()
    return bool(re.search(rf"\b{word}\b", low)) and not re.search(rf"\b{other}\b", low)
