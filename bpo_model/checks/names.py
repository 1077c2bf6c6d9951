"""Checks that names are kept and none is made up."""

import re

from bpo_model.checks import spans
from bpo_model.checks.matching import found_in, stems
from bpo_model.checks.vocabulary import common_words, names_in_lower_case
from bpo_model.language import detect
from bpo_model.request import words

_TOKEN = re.compile(r"[^\W\d_][\w'’-]*")
_NAME = re.compile(r"(?<![.!?:;\"“'‘(\[*•\n-])(?<![.!?:;]\s)(?<![.!?:;]\s\s)(?<=\s)([A-Z][\w'’-]*\w)")
_CAPITAL_RUN = re.compile(r"(?:[A-Z]\w{1,30} ){1,5}[A-Z]\w{1,30}")


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
