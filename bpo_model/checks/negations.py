"""Checks that what was negated stays negated, and that nothing else is."""

import re

from bpo_model.checks.matching import stem
from bpo_model.checks.safety import is_safety_rewrite
from bpo_model.checks.vocabulary import common_words
from bpo_model.request import words

MIN_SHARE_OF_USER = 0.75
"""Of the content words of a sentence, for it to be the user's own: notices 55 of 717 planted negations more, for 8 of
2,737 good rewrites (`python -m evals.damage`)."""
_CLAUSES = re.compile(r"(?<=[.!?])\s+|[\n;:]")
_TOKEN = re.compile(r"[A-Za-z][\w'’-]*|[.?!;:\n,]")
_OR_NOT = re.compile(r"\bor (?:why )?not\b", re.IGNORECASE)
"""Negates nothing: "whether or not", "explain why or why not"."""
NEGATION = re.compile(
    r"^(?:not|no|never|without|none|nobody|nothing|neither|nor|cannot|(?:ca|do|does|did|is|are|was|were|wo|would|could|should|has|have|had)nt|except"
    r"|excluding|exclude|avoid|unless|unable|lacks?|wo|n't|\w+n't|instead|rather|hardly|barely|scarcely)$"
)
"""A word that negates."""
_NEGATION_REACH = 2
"""Content words behind a negation that it can govern, up to the next punctuation."""


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
    lost += [word for root, word in before.negated.items() if not _same_form(word, after.negated.get(root, word))]
    if lost:
        return f"no longer negated: {', '.join(sorted(lost)[:5])}"
    if new:
        return f"newly negated: {', '.join(sorted(new)[:5])}"
    turned = "" if before.total else _turned(original, candidate)
    return f"newly negated: {turned}" if turned else ""


def _same_form(left: str, right: str) -> bool:
    """Whether two words are equal but for singular and plural: "surprises" is not "surprising"."""
    return left.removesuffix("s") == right.removesuffix("s")


def _turned(original: str, candidate: str) -> str:
    """A sentence of mostly the user's words that has a negation; he used none.

    `What should I buy?` -> `What should not I buy?` negates no word of its own.
    """
    known = {stem(word) for word in words(original)}
    for sentence in _CLAUSES.split(candidate):
        own = [word for word in _content_words(sentence) if not NEGATION.match(word)]
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
        self.negated: dict[str, str] = {}
        """Stem -> the word that stands under a negation."""

    def mark(self, word: str, *, negated: bool) -> None:
        """Note that a word stands under a negation, or does not."""
        root = stem(word)
        self.words.setdefault(root, word)
        self.governed.setdefault(root, set()).add(negated)
        if negated:
            self.negated[root] = word


def _polarity(text: str) -> _Polarity:
    """Mark each content word as negated if a negation stands shortly before it."""
    found, reach = _Polarity(), 0
    for token in _TOKEN.findall(_OR_NOT.sub(" ", text.replace("w/o", "without"))):
        word = token.lower().replace("’", "'")
        if not word[0].isalpha():
            reach = 0
        elif NEGATION.match(word):
            found.total, reach = found.total + 1, _NEGATION_REACH
        elif word.endswith("-free"):
            found.total += 1
            found.mark(word.removesuffix("-free"), negated=True)
        elif _carries_meaning(word):
            found.mark(word, negated=reach > 0)
            reach -= 1
    return found


def _content_words(text: str) -> list[str]:
    """Words that carry meaning, without repeats."""
    return [word for word in dict.fromkeys(words(text)) if _carries_meaning(word)]


def _carries_meaning(word: str) -> bool:
    """Whether a word has three letters or more and is no everyday word."""
    return len(word) > 2 and word not in common_words()
