"""Check that every word that carries meaning is still said."""

import re
from itertools import pairwise

from bpo_model.checks import spans
from bpo_model.checks.matching import found_in, stems
from bpo_model.checks.negations import NEGATION
from bpo_model.checks.safety import RUDE, UNSAFE, is_safety_rewrite, turns_away
from bpo_model.checks.vocabulary import common_words, other_forms, weightless_words

_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_LAST_LATIN = "\u024f"
MIN_CONTENT_KEPT_SAFETY = 0.3
"""Least share of the words, everyday ones left out, in a rewrite that turns an unsafe request into a safe one ..."""
MIN_CONTENT_KEPT_DOUBTFUL = 0.5
"""... and in one of a request that shows weak signs only: most such requests are harmless."""


def content_kept(original: str, candidate: str) -> str:
    """Every word that carries meaning survives, in any form, with typos and shorthand written out.

    passes: "fix my leeking tap" -> "How do I fix a leaking tap?"; fails: -> "How do I fix a tap?".
    """
    if turns_away(original, candidate):
        return ""
    mine, may_be_lost = _latin_words(spans.prose(original)), 0.0
    wanted = [word for word in dict.fromkeys(mine) if _carries_meaning(word)]
    if is_safety_rewrite(original, candidate):
        wanted = [word for word in wanted if word not in common_words()]
        least = MIN_CONTENT_KEPT_SAFETY if UNSAFE.search(original) else MIN_CONTENT_KEPT_DOUBTFUL
        may_be_lost = (1 - least) * len(wanted)
    lost = _lost(wanted, mine, candidate)
    return f"lost {', '.join(lost[:5])}" if len(lost) > may_be_lost else ""


def _lost(wanted: list[str], mine: list[str], candidate: str) -> list[str]:
    """The wanted words that the candidate does not say."""
    # Parts of `snake_case` count too: the name as a whole is for identifiers_kept.
    present, said = stems(candidate.replace("_", " ")), _latin_words(candidate)
    split_up, whole = {left + right for left, right in pairwise(said)}, set(said)
    run_together = {word for pair in pairwise(mine) if "".join(pair) in whole for word in pair}
    return [
        word
        for word in wanted
        if not (word in split_up or word in run_together or found_in(word, present))
        and not any(found_in(form, present) for form in other_forms().get(word, ()))
    ]


def _latin_words(text: str) -> list[str]:
    """Words in Latin letters, accents too, in lower case; the forms of others are not known here."""
    found = (word.lower().replace("’", "'") for word in _WORD.findall(text.replace("_", " ")))
    return [word for word in found if all(letter <= _LAST_LATIN for letter in word)]


def _carries_meaning(word: str) -> bool:
    """Whether a word has three letters or more and may not be left out; negations have a check of their own."""
    return len(word) > 2 and word not in weightless_words() and word not in RUDE and not NEGATION.match(word)
