"""Checks that what the prompt demands stays: form of the answer, limits, direction."""

import re

from bpo_model.checks.matching import found_in, stems
from bpo_model.checks.safety import is_safety_rewrite

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
    ("increase", "decrease"), ("oldest", "newest"), ("largest", "smallest"),
    ("above", "below"), ("buy", "sell"), ("beginner", "expert"), ("indoor", "outdoor"), ("hot", "cold"), ("include", "exclude"),
    ("maximize", "minimize"), ("gain", "lose"), ("up", "down"), ("left", "right"), ("inside", "outside"), ("same", "different"), ("import", "export"), ("encrypt", "decrypt"), ("ascending", "descending"),
)  # fmt: skip
_PRONOUNS = (frozenset({"he", "him", "his", "himself"}), frozenset({"she", "her", "hers", "herself"}))
_FROM_TO = re.compile(r"\bfrom\s+(\w{2,30})\s+(?:in)?to\s+(\w{2,30})", re.IGNORECASE)
_FORMATS = {
    "json": r"\bjson\b", "yaml": r"\byaml\b", "xml": r"\bxml\b", "csv": r"\bcsv\b", "html": r"\bhtml\b",
    "markdown": r"\bmarkdown\b", "table": r"\btables?\b|\btabular\b", "bullets": r"\bbullets?\b|\bbullet[- ]points?\b",
    "yes or no": r"\byes\s*(?:or|/)\s*no\b", "true or false": r"\btrue\s*(?:or|/)\s*false\b",
    "one word": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}word\b", "one sentence": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}sentence\b",
    "one line": r"\b(?:one|single|1)[- ]lin(?:e|er)\b|\boneliner\b", "one paragraph": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}paragraph\b",
    "rhyme": r"\brhym\w+", "haiku": r"\bhaiku\b",
}  # fmt: skip
_FORMAT_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _FORMATS.items()}
_ONLY = re.compile(r"\b(?:only|just|nothing (?:else|but))\b", re.IGNORECASE)
_ONLY_DEMAND = re.compile(
    r"\b(?:only|just)\b(?=[^.?!\n]{0,40}\b(?:answer|output|return|reply|word|number|name|code|list|use|say)\w*)"
    r"|\b(?:answer|output|return|reply|respond|say|give|write|use)\w*\b[^.?!\n]{0,40}\bonly\b",
    re.IGNORECASE,
)

_VERBATIM = re.compile(
    r"\b(?:as[- ]is|as it is|verbatim|letter for letter|exactly as (?:it is|typed|written|given))\b", re.IGNORECASE
)
_SOME = "(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|single|few|couple of|\\d{1,4})"
_LENGTH = re.compile(
    rf"\b(?:in|to|within|under|at most|no more than|fewer than|less than|only|just|of)\s+(?:about |around |just |only |a single |a )?{_SOME}[ -]"
    r"(?:or (?:two|three|four|five) )?(?:short |simple |clear |plain |brief |easy ){0,3}(?:sentence|paragraph|line|word|bullet)s?\b"
    rf"|\b{_SOME}-(?:sentence|paragraph|line|word)\b|\b(?:one|two|three|four) (?:short |simple |clear |plain ){{0,2}}(?:sentences?|lines?)\b",
    re.IGNORECASE,
)
"""How long the answer shall be."""
_ASKS_FOR_LENGTH = re.compile(
    r"\b(?:sentences?|paragraphs?|lines?|words?|bullets?|short\w*|brief\w*|concise\w*|one-?liners?|tl;?dr)\b",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"\bbe (?:very |more |really )?(critical|honest|blunt|brutal|strict|brief|concise|specific|careful|neutral|objective|formal|casual"
    r"|polite|kind|gentle|funny|sarcastic)\b",
    re.IGNORECASE,
)
"""How the answer shall be."""
_SCOPES = {
    name: (re.compile(rf"\b{name}\b", re.IGNORECASE), re.compile(rf"\b(?:{kept})\b", re.IGNORECASE))
    for name, kept in {
        "same": "same|equal|equals|identical|alike|equivalent|match\\w*|differ\\w*|both|each|consistent|also",
        "where": "where|which|location|place|places|position|line|spot|site|area|country|city|find|locate",
        "who": "who|whom|whose|person|people|name|names|which",
        "when": "when|whenever|time|times|date|dates|day|year|moment|while|as|if|during|once|after|before|until|how long",
        "only": "only|just|solely|exclusively|nothing but|nothing else|no other|alone|sole",
        "before": "before|prior|until|by|ahead",
        "after": "after|following|since|once|then|post",
        "until": "until|till|before|by|up to",
        "unless": "unless|if|except",
        "except": "except|exclud\\w*|without|but|other than|not",
    }.items()
}
"""What narrows a request, and the words that do the same."""
_ONLY_WHAT = re.compile(
    r"\bonly (?:(?:the|my|a|an|on|in|to|for|with|use|about) )*((?!when|where|what|that|if)[a-z]{4,}\b)", re.IGNORECASE
)
_AROUND_ONLY = re.compile(
    rf"(?:\w{{1,40}}\W{{1,3}}){{0,5}}\b(?:{_SCOPES['only'][1].pattern})\b(?:\W{{1,3}}\w{{1,40}}){{0,6}}", re.IGNORECASE
)


def scope_kept(original: str, candidate: str) -> str:
    """What narrows the request stays: only, before, after, until, unless, except.

    passes: "tell me before you run it" -> "Tell me what it does before you run it"; fails: -> "Tell me what it does".
    """
    if is_safety_rewrite(original, candidate):
        return ""
    lost = [name for name, (asked, kept) in _SCOPES.items() if asked.search(original) and not kept.search(candidate)]
    if lost:
        return f"lost {', '.join(lost)}"
    moved = _missing(_ONLY_WHAT.findall(original), " ".join(_AROUND_ONLY.findall(candidate)))
    return f"no longer only {', '.join(moved)}" if moved else ""


def format_kept(original: str, candidate: str) -> str:
    """A demand on the form of the answer survives.

    passes: "answer in one word" -> "Answer with one word"; fails: -> "Answer in detail".
    """
    lost = [
        name for name, pattern in _FORMAT_PATTERNS.items() if pattern.search(original) and not pattern.search(candidate)
    ]
    if _ONLY_DEMAND.search(original) and not _ONLY.search(candidate):
        lost.append("only")
    if _VERBATIM.search(original) and original.strip().rstrip(".?!") not in candidate:
        lost.append("as it is")
    lost += [f"be {manner}" for manner in _missing(_MANNER.findall(original), candidate)]
    return f"lost {', '.join(lost)}" if lost else ""


def _missing(wanted: list[str], text: str) -> list[str]:
    """Words that do not occur in any form; few prompts want any, so the text is read only then."""
    present = stems(text) if wanted else {}
    return [word for word in wanted if not found_in(word.lower(), present)]


def limits_kept(original: str, candidate: str) -> str:
    """An upper limit stays an upper limit, a lower one a lower one.

    passes: "under $800" -> "for less than $800"; fails: "under $800" -> "over $800".
    """
    before, after = _limits(original), _limits(candidate)
    turned = [number for number, sides in before.items() if number in after and not sides & after[number]]
    return f"limit turned around at {', '.join(turned)}" if turned else ""


def length_invented(original: str, candidate: str) -> str:
    """The answer gets no length that the user did not ask for: it would cut what he came for.

    passes: "what is tea" -> "What is tea? Explain how it is made."; fails: -> "What is tea? Explain it in one sentence.".
    """
    limit = _LENGTH.search(candidate)
    return f"invented {limit[0]!r}" if limit and not _ASKS_FOR_LENGTH.search(original) else ""


def opposites_kept(original: str, candidate: str) -> str:
    """No key word is replaced by its opposite, and a from-to keeps its direction.

    passes: "best phones" -> "What are the best phones?"; fails: "best phones" -> "What are the worst phones?"
    """
    for pair in OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            if _only(word, opposite, original) and _only(opposite, word, candidate):
                return f"{word} became {opposite}"
        if _both(pair, original) and _one(pair, candidate):
            return f"one of {pair[0]} and {pair[1]} is lost"
    he, she = (_count(candidate, words) - _count(original, words) for words in _PRONOUNS)
    if he * she < 0:
        return "he and she were mixed up"
    ways = {(a.casefold(), b.casefold()) for a, b in _FROM_TO.findall(original)}
    ways -= {(b, a) for a, b in ways}  # there and back again, or from a thing to itself
    turned = [way for way in _FROM_TO.findall(candidate) if (way[1].casefold(), way[0].casefold()) in ways]
    return f"from {turned[0][1]} to {turned[0][0]} was turned around" if turned else ""


def _both(pair: tuple[str, str], text: str) -> bool:
    return all(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in pair)


def _one(pair: tuple[str, str], text: str) -> bool:
    return sum(bool(re.search(rf"\b{word}\b", text, re.IGNORECASE)) for word in pair) == 1


def _count(text: str, words: frozenset[str]) -> int:
    """How many of a text's words are among these."""
    return sum(word in words for word in re.findall(r"[a-z]+", text.lower()))


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
