"""An answer that the user limited ("only yes or no", "no explanation") is asked for nothing on top."""

import re

from bpo_model.request import sentences, words

_LIMITED = re.compile(
    r"(?:^|[.!?,;:\n]\s{0,3}|\bplease |\band )(?:only|just) (?:answer|reply|respond|return|output|print|give|say|send|write|show|tell)\b"
    r"|\b(?:answer|reply|respond|return|output|print)(?: \w+){0,4} only\b"
    r"|\b(?:only|just) (?:the |a |one |my )?(?:\w+ )?(?:answer|number|name|names|code|query|command|result|translation|json|sql|regex|yes or no|word)\b"
    r"|\b(?:answer|code|sql|json|number|names?|command|query|regex|result|word) only\b|\b(?:in|with) (?:just |only )?(?:one|a single|1) (?:word|number|letter)\b"
    r"|\b(?:one|single)[- ]word (?:answer|reply)\b|\b(?:answer|reply|respond|say|output)(?: \w+){0,3} (?:yes or no|yes/no|y/n)|(?:yes or no|yes/no|y/n)\W{0,5}$"
    r"|\b(?:no|without(?: any)?|skip the|not want (?:an?|any)|don['’]?t (?:need|want) (?:an?|any)) (?:further |other |extra )?(?:explanations?|comments?|commentary|preamble|prose|elaboration)\b"
    r"|\bnothing else\b|\b(?:do not|don['’]?t|dont) (?:explain|elaborate|add anything)\b",
    re.IGNORECASE,
)
"""How users say that an answer shall be nothing but this."""
_PARTS = frozenset(
    "explain describe discuss compare list give include mention name say add show tell note state outline summarize "
    "summarise suggest provide define elaborate justify cover quote".split()
)
"""Verbs that ask for a part of the answer."""
_AGAIN = re.compile(r"\b(?:only|just|nothing|without|yes or no)\b", re.IGNORECASE)
"""The limit in other words."""


def stays_brief(original: str, candidate: str) -> str:
    """Where the answer was limited, no further sentence asks for a part of it.

    passes: "is tea a plant? yes or no" -> "Is tea a plant? Answer yes or no."; fails: -> "Is tea a plant? Answer yes or
    no. Explain how it grows."
    """
    limit = _LIMITED.search(original)
    if not limit:
        return ""
    known = set(words(original))
    further = [piece for piece in sentences(candidate)[1:] if _asks_for_a_part(piece, known)]
    return f"{limit[0].strip()!r}, and yet {further[0].strip()!r:.60}" if further else ""


def _asks_for_a_part(sentence: str, known: set[str]) -> bool:
    """Whether a sentence begins with such a verb that the prompt does not have, and is not the limit again."""
    verb = words(sentence)[:1]
    return bool(verb) and verb[0] in _PARTS - known and not _AGAIN.search(sentence)
