"""One line of the diagnosis."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but slower, later or otherwise than somebody may expect."""
    PROBLEM = "problem"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, what was found and what to do."""

    topic: str
    state: State
    found: str
    advice: str = ""
    """What to do; empty if there is nothing to do."""


def ok(topic: str, found: str, advice: str = "") -> Finding:
    """Nothing has to be done."""
    return Finding(topic, State.OK, found, advice)


def warning(topic: str, found: str, advice: str) -> Finding:
    """It works, but."""
    return Finding(topic, State.WARNING, found, advice)


def problem(topic: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(topic, State.PROBLEM, found, advice)
