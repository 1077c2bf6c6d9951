"""Checks that the rewrite still means the same: names, content words, negations, formats."""

import re
from functools import lru_cache
from pathlib import Path

from bpo_model.checks import spans
from bpo_model.checks.safety import is_safety_rewrite
from bpo_model.language import detect, function_words
from bpo_model.request import IMPERATIVES, QUESTION_OPENERS, words

MIN_CONTENT_KEPT = 0.75
"""Least share of the content words that has to survive: one lost word in four is let pass, one in three is not."""
MIN_CONTENT_KEPT_SAFETY = 0.3
"""The same for a rewrite that turns an unsafe request into a safe one."""

_TOKEN = re.compile(r"[^\W\d_][\w'’-]*")
_NAME = re.compile(r"(?<![.!?:;\"“'‘(\[*•\n-])(?<![.!?:;]\s)(?<![.!?:;]\s\s)(?<=\s)([A-Z][\w'’-]*\w)")
_CAPITAL_RUN = re.compile(r"(?:[A-Z]\w{1,30} ){1,5}[A-Z]\w{1,30}")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "ally", "ed", "es", "ly", "er", "s", "y", "e")
_NEGATION = re.compile(
    r"^(?:not|no|never|without|none|nobody|nothing|neither|nor|cannot|(?:ca|do|does|did|is|are|was|were|wo|would|could|should|has|have|had)nt|except"
    r"|excluding|exclude|avoid|unless|unable|lacks?|wo|n't|\w+n't|instead|rather)$"
)
_NEGATION_REACH = 2
"""Content words behind a negation that it can govern, up to the next punctuation."""
_FORMATS = {
    "json": r"\bjson\b", "yaml": r"\byaml\b", "xml": r"\bxml\b", "csv": r"\bcsv\b", "html": r"\bhtml\b",
    "markdown": r"\bmarkdown\b", "table": r"\btables?\b|\btabular\b", "bullets": r"\bbullets?\b|\bbullet[- ]points?\b",
    "yes or no": r"\byes\s*(?:or|/)\s*no\b", "true or false": r"\btrue\s*(?:or|/)\s*false\b",
    "one word": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}word\b", "one sentence": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}sentence\b",
    "one line": r"\b(?:one|single|1)[- ]lin(?:e|er)\b|\boneliner\b", "one paragraph": r"\b(?:one|single|1)[- ](?:[\w-]+,? ){0,3}paragraph\b",
    "step by step": r"\bstep[- ]by[- ]step\b|\bsteps\b", "short": r"\b(?:short|brief(?:ly)?|concise(?:ly)?|succinct(?:ly)?|tl;?dr)\b",
    "only": r"\bonly\b|\bjust\b|\bnothing (?:else|but)\b", "rhyme": r"\brhym\w+", "haiku": r"\bhaiku\b",
}  # fmt: skip
_FORMAT_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _FORMATS.items()}
_STRICT_FORMATS = frozenset(_FORMATS) - {"only", "short", "step by step"}
_ONLY_DEMAND = re.compile(
    r"\b(?:only|just)\b(?=[^.?!\n]{0,40}\b(?:answer|output|return|reply|word|number|name|code|list|use|say)\w*)"
    r"|\b(?:answer|output|return|reply|respond|say|give|write|use)\w*\b[^.?!\n]{0,40}\bonly\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Everyday words that a rewrite may replace freely."""
    listed = (Path(__file__).parent / "common_words.txt").read_text(encoding="utf-8").split()
    return frozenset(listed) | IMPERATIVES | QUESTION_OPENERS | function_words()["en"]


def names_kept(original: str, candidate: str) -> str:
    """Names inside a sentence and words in capitals survive, in any case.

    passes: "trips to Lake Como" -> "Plan trips to Lake Como"; fails: -> "Plan trips to a lake".
    """
    present = _stems(candidate)
    lost = [name for name in _names(original) if not _found(name, present) and not _spelled_out(name, candidate)]
    return f"lost {', '.join(lost[:5])}" if lost else ""


def names_invented(original: str, candidate: str) -> str:
    """No name appears that the prompt does not mention.

    passes: "capital of france" -> "What is the capital of France?"; fails: -> "Describe Paris, France".
    """
    present, known = _stems(original), set(words(original))
    spelled = {word for run in _CAPITAL_RUN.findall(candidate) if _initials(run) in known for word in run.split()}
    new = [
        name
        for name in _names(candidate)
        if not _found(name, present) and not _spelled_out(name, original) and name not in spelled
    ]
    return f"invented {', '.join(new[:5])}" if new else ""


def content_kept(original: str, candidate: str) -> str:
    """Most of the words that carry the meaning survive, in any form, typos corrected.

    passes: "fix my leeking tap" -> "How do I fix a leaking tap?"; fails: -> "Give home repair advice".
    """
    wanted = _content_words(spans.prose(original))
    present = _stems(candidate)
    joined = "".join(words(candidate))
    lost = [word for word in wanted if not _found(word, present) and word not in joined]
    least = MIN_CONTENT_KEPT_SAFETY if is_safety_rewrite(original, candidate) else MIN_CONTENT_KEPT
    if len(lost) <= len(wanted) * (1 - least):
        return ""
    return f"lost {len(lost)} of {len(wanted)} content words: {', '.join(lost[:5])}"


def negations_kept(original: str, candidate: str) -> str:
    """What was negated stays negated, and what was not stays so.

    passes: "no onions" -> "without onions"; fails: "do not use onions" -> "use onions".
    """
    if is_safety_rewrite(original, candidate):
        return ""
    before, after = _polarity(original), _polarity(candidate)
    if before.total and not after.total:
        return "lost every negation"
    shared = before.governed.keys() & after.governed.keys()
    lost = [before.words[stem] for stem in shared if (before.governed[stem], after.governed[stem]) == ({True}, {False})]
    new = [before.words[stem] for stem in shared if (before.governed[stem], after.governed[stem]) == ({False}, {True})]
    if lost:
        return f"no longer negated: {', '.join(sorted(lost)[:5])}"
    return f"newly negated: {', '.join(sorted(new)[:5])}" if new else ""


def format_kept(original: str, candidate: str) -> str:
    """A demand on the form of the answer survives.

    passes: "answer in one word" -> "Answer with one word"; fails: -> "Answer in detail".
    """
    lost = [
        name
        for name, pattern in _FORMAT_PATTERNS.items()
        if name in _STRICT_FORMATS and pattern.search(original) and not pattern.search(candidate)
    ]
    if _ONLY_DEMAND.search(original) and not _FORMAT_PATTERNS["only"].search(candidate):
        lost.append("only")
    return f"lost {', '.join(lost)}" if lost else ""


class _Polarity:
    """Which content words of a text are under a negation."""

    def __init__(self) -> None:
        self.total = 0
        self.governed: dict[str, set[bool]] = {}
        self.words: dict[str, str] = {}
        """Stem -> a word to show for it."""

    def mark(self, word: str, *, negated: bool) -> None:
        """Note that a word stands under a negation, or does not."""
        stem = _stem(word)
        self.words.setdefault(stem, word)
        self.governed.setdefault(stem, set()).add(negated)


def _polarity(text: str) -> _Polarity:
    """Mark each content word as negated if a negation stands shortly before it."""
    found, reach = _Polarity(), 0
    for token in re.findall(r"[A-Za-z][\w'’-]*|[.?!;:\n,]", text.replace("w/o", "without")):
        word = token.lower().replace("’", "'")
        if not word[0].isalpha():
            reach = 0
        elif _NEGATION.match(word):
            found.total, reach = found.total + 1, _NEGATION_REACH
        elif word.endswith("-free"):
            found.total += 1
            found.mark(word.removesuffix("-free"), negated=True)
        elif _carries_meaning(word):
            found.mark(word, negated=reach > 0)
            reach -= 1
    return found


def _names(text: str) -> list[str]:
    """Capitalized words inside sentences, and all words in capitals, without repeats."""
    inside = _NAME.findall(text)
    capitals = [word for word in _TOKEN.findall(text) if len(word) > 1 and word.isupper()]
    if len(capitals) * 2 > len(_TOKEN.findall(text)):
        return []  # all in capitals: case says nothing here
    found = capitals if detect(text) == "de" else inside + capitals
    return [name for name in dict.fromkeys(found) if name.lower() not in common_words() and not name.startswith("I'")]


def _spelled_out(name: str, text: str) -> bool:
    """Whether a name stands in the text without its spaces, or as the initials of its words."""
    joined = "".join(words(text))
    initials = _initials(text)
    low = name.lower()
    return (len(low) > 2 and low.replace("-", "") in joined) or (name.isupper() and low in initials)


def _initials(text: str) -> str:
    """First letters of all words, lower case."""
    return "".join(word[0] for word in words(text))


def _content_words(text: str) -> list[str]:
    """Words that carry meaning, without repeats."""
    return [word for word in dict.fromkeys(words(text)) if _carries_meaning(word)]


def _carries_meaning(word: str) -> bool:
    """Whether a word has three letters or more and is no everyday word."""
    return len(word) > 2 and word not in common_words()


def _stem(word: str) -> str:
    """A crude stem: lower case, no possessive, no common ending."""
    low = word.lower().replace("’", "'").removesuffix("'s").replace("-", "").replace("'", "")
    for ending in _ENDINGS:
        if low.endswith(ending) and len(low) - len(ending) >= 3:
            return low[: -len(ending)]
    return low


def _stems(text: str) -> dict[str, set[str]]:
    """Stems of all words of a text and of the parts of hyphenated ones, by first letter."""
    found: dict[str, set[str]] = {}
    for word in _TOKEN.findall(text):
        for part in {word, *word.split("-")} - {""}:
            found.setdefault(part.lower()[0], set()).update((_stem(part), part.lower()))
    return found


def _found(word: str, present: dict[str, set[str]]) -> bool:
    """Whether a word occurs, allowing for its form and for one corrected letter."""
    parts = [part for part in re.split(r"[-'’]", word) if len(part) > 1] or [word]
    return any(_near(option, present) for option in {word.lower(), _stem(word)}) or all(
        _near(_stem(part), present) for part in parts
    )


def _near(stem: str, present: dict[str, set[str]]) -> bool:
    """Whether a stem, a word that shares its first six letters, or its correction is present."""
    others = present.get(stem[0], set())
    if stem in others or stem + "s" in others:
        return True
    if len(stem) >= 6 and any(other.startswith(stem[:6]) for other in others):
        return True
    return len(stem) >= 4 and any(_one_typo(stem, other) for other in others)


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
