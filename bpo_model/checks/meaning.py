"""Checks that the rewrite still means the same: names, content words, negations."""

import re
from functools import lru_cache
from pathlib import Path

from bpo_model.checks import spans
from bpo_model.checks.matching import found_in, stem, stems
from bpo_model.checks.safety import RUDE, is_safety_rewrite, turns_away
from bpo_model.language import detect, function_words
from bpo_model.request import IMPERATIVES, QUESTION_OPENERS, words

MIN_CONTENT_KEPT = 0.75
"""Least share of the content words that has to survive: one lost word in four is let pass, one in three is not."""
MIN_CONTENT_KEPT_SAFETY = 0.3
"""The same for a rewrite that turns an unsafe request into a safe one."""
MIN_SHARE_OF_USER = 0.75
"""Of the content words of a sentence, for it to be the user's own: notices 55 of 717 planted negations more, for 8 of
2,737 good rewrites (`python -m evals.damage`)."""
_COMPOUND = re.compile(r"(?<![\w-])[a-z]{2,30}(?:-[a-z]{2,30}){1,5}(?![\w-])")
_BRACKETS = re.compile(r"\(([^()\n]{2,80})\)")
_COUNTED = re.compile(
    r"(?<![\w.,$€£/-])(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten) ([a-z]{4,20}s)(?![\w-])", re.IGNORECASE
)
_CLAUSES = re.compile(r"(?<=[.!?])\s+|[\n;:]")

_TOKEN = re.compile(r"[^\W\d_][\w'’-]*")
_NAME = re.compile(r"(?<![.!?:;\"“'‘(\[*•\n-])(?<![.!?:;]\s)(?<![.!?:;]\s\s)(?<=\s)([A-Z][\w'’-]*\w)")
_CAPITAL_RUN = re.compile(r"(?:[A-Z]\w{1,30} ){1,5}[A-Z]\w{1,30}")
_NEGATION = re.compile(
    r"^(?:not|no|never|without|none|nobody|nothing|neither|nor|cannot|(?:ca|do|does|did|is|are|was|were|wo|would|could|should|has|have|had)nt|except"
    r"|excluding|exclude|avoid|unless|unable|lacks?|wo|n't|\w+n't|instead|rather|hardly|barely|scarcely)$"
)
_NEGATION_REACH = 2
"""Content words behind a negation that it can govern, up to the next punctuation."""


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Everyday words that a rewrite may replace freely."""
    listed = (Path(__file__).parent / "common_words.txt").read_text(encoding="utf-8").split()
    return frozenset(listed) | IMPERATIVES | QUESTION_OPENERS | function_words()["en"]


@lru_cache(maxsize=1)
def names_in_lower_case() -> frozenset[str]:
    """Countries, peoples, cities, days, programs and the like, which hasty users type without a capital."""
    lines = (Path(__file__).parent / "names_in_lower_case.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def names_kept(original: str, candidate: str) -> str:
    """Names inside a sentence and words in capitals survive, in any case.

    passes: "trips to Lake Como" -> "Plan trips to Lake Como"; fails: -> "Plan trips to a lake".
    """
    present = stems(candidate)
    typed_small = [word for word in words(spans.prose(original)) if word in names_in_lower_case()]
    lost = [
        name
        for name in [*_names(original), *typed_small]
        if not found_in(name, present) and not _spelled_out(name, candidate)
    ]
    return f"lost {', '.join(lost[:5])}" if lost else ""


def names_invented(original: str, candidate: str) -> str:
    """No name appears that the prompt does not mention.

    passes: "capital of france" -> "What is the capital of France?"; fails: -> "Describe Paris, France".
    """
    present, known = stems(original), set(words(original))
    spelled = {word for run in _CAPITAL_RUN.findall(candidate) if _initials(run) in known for word in run.split()}
    new = [
        name
        for name in _names(candidate)
        if not found_in(name, present) and not _spelled_out(name, original) and name not in spelled
    ]
    return f"invented {', '.join(new[:5])}" if new else ""


def content_kept(original: str, candidate: str) -> str:
    """Most of the words that carry the meaning survive, in any form, typos corrected.

    passes: "fix my leeking tap" -> "How do I fix a leaking tap?"; fails: -> "Give home repair advice".
    """
    if turns_away(original, candidate):
        return ""
    compounds = _lost_compounds(original, candidate)
    if compounds:
        return f"lost {', '.join(compounds[:5])}"
    wanted = [word for word in _content_words(spans.prose(original)) if word not in RUDE]
    present = stems(candidate)
    joined = "".join(words(candidate))
    lost = [word for word in wanted if not found_in(word, present) and word not in joined]
    least = MIN_CONTENT_KEPT_SAFETY if is_safety_rewrite(original, candidate) else MIN_CONTENT_KEPT
    if len(lost) <= len(wanted) * (1 - least):
        return ""
    return f"lost {len(lost)} of {len(wanted)} content words: {', '.join(lost[:5])}"


def counted_kept(original: str, candidate: str) -> str:
    """What is counted stays: a number keeps the word behind it, in any form.

    passes: "list 3 weaknesses" -> "List three weaknesses"; fails: -> "Make 3 suggestions".
    """
    if is_safety_rewrite(original, candidate):
        return ""
    present, joined = stems(candidate), "".join(words(candidate))
    counted = [word.lower() for word in _COUNTED.findall(spans.prose(original)) if _carries_meaning(word.lower())]
    lost = [word for word in counted if not found_in(word, present) and word not in joined]
    return f"lost {', '.join(lost[:5])}" if lost else ""


def brackets_kept(original: str, candidate: str) -> str:
    """What the user put in brackets is still said.

    passes: "the keys (boolean)" -> "List the keys, each boolean"; fails: -> "List the keys".
    """
    if is_safety_rewrite(original, candidate):
        return ""
    present, joined = {stem(word) for word in words(candidate)}, "".join(words(candidate))
    said = [word for inside in _BRACKETS.findall(spans.prose(original)) for word in _content_words(inside)]
    lost = [word for word in said if stem(word) not in present and word not in joined]
    return f"lost {', '.join(lost[:5])}" if lost else ""


def _lost_compounds(original: str, candidate: str) -> list[str]:
    """Hyphenated words of which a part is gone: they say more than a word in four may (`multi-stage`)."""
    if is_safety_rewrite(original, candidate):
        return []
    present, joined = {stem(word) for word in words(candidate)}, "".join(words(candidate))
    return [
        compound
        for compound in _COMPOUND.findall(spans.prose(original).lower())
        if any(len(part) > 2 and stem(part) not in present and part not in joined for part in compound.split("-"))
    ]


def negations_kept(original: str, candidate: str) -> str:
    """What was negated stays negated, and what was not stays so.

    passes: "no onions" -> "without onions"; fails: "do not use onions" -> "use onions".
    """
    if is_safety_rewrite(original, candidate):
        return ""
    before, after = _polarity(original), _polarity(candidate)
    if before.total and not after.total:
        return "lost every negation"
    if after.total < before.total:
        return f"lost {before.total - after.total} of {before.total} negations"
    shared = before.governed.keys() & after.governed.keys()
    lost = [before.words[root] for root in shared if (before.governed[root], after.governed[root]) == ({True}, {False})]
    new = [before.words[root] for root in shared if (before.governed[root], after.governed[root]) == ({False}, {True})]
    if lost:
        return f"no longer negated: {', '.join(sorted(lost)[:5])}"
    if new:
        return f"newly negated: {', '.join(sorted(new)[:5])}"
    turned = "" if before.total else _turned(original, candidate)
    return f"newly negated: {turned}" if turned else ""


def _turned(original: str, candidate: str) -> str:
    """A sentence of mostly the user's words that has a negation; he used none.

    `What should I buy?` -> `What should not I buy?` negates no word of its own.
    """
    known = {stem(word) for word in words(original)}
    for sentence in _CLAUSES.split(candidate):
        own = [word for word in _content_words(sentence) if not _NEGATION.match(word)]
        users = sum(stem(word) in known for word in own)
        if own and users >= MIN_SHARE_OF_USER * len(own) and _polarity(sentence).total:
            return sentence.strip()[:60]
    return ""


class _Polarity:
    """Which content words of a text are under a negation."""

    def __init__(self) -> None:
        self.total = 0
        self.governed: dict[str, set[bool]] = {}
        self.words: dict[str, str] = {}
        """Stem -> a word to show for it."""

    def mark(self, word: str, *, negated: bool) -> None:
        """Note that a word stands under a negation, or does not."""
        root = stem(word)
        self.words.setdefault(root, word)
        self.governed.setdefault(root, set()).add(negated)


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
