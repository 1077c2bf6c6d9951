"""What is done with every input, what must hold, and how long it may take."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bpo_model.config import GatePolicy
from bpo_model.contract import CHECKS, verify, verify_prompt
from bpo_model.explain import diff, label_strategies
from bpo_model.gate import HARD, RULES, must_leave_alone, should_rewrite
from bpo_model.split import Split, split
from evals.million.inputs import Input

COMPARING = [name for name in CHECKS if name != "still_a_request"]
"""Checks that ask whether something was lost or came in, so that equal texts pass each of them."""
POLICY = GatePolicy()


class SlowError(Exception):
    """The input took longer than it may."""


@dataclass(slots=True)
class Outcome:
    """What came of one input."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Processor time by step."""
    problems: list[str] = field(default_factory=list)
    """`step: what was wrong`; empty for nearly all."""
    goes_on: bool = False
    """Whether the gate let the prompt through."""


def examine(given: Input, limit: float) -> Outcome:
    """Take an input through all steps; whatever they raise is a problem with a name, and so is taking too long.

    `limit` is processor time in seconds, so that a busy machine does not count.
    """
    outcome, parts = Outcome(), [Split("", given.text, "")]
    steps: dict[str, Callable[[], list[str]]] = {
        "split": lambda: _split(given.text, parts),
        "gate": lambda: _gate(given.text, parts[-1], outcome),
        "verify": lambda: _verify(given, parts[-1], outcome.goes_on),
        "explain": lambda: _explain(given.text, given.candidate),
    }
    for name, step in steps.items():
        started = time.process_time()
        try:
            with _at_most(limit):
                outcome.problems += [f"{name}: {problem}" for problem in step()]
        except Exception as error:  # noqa: BLE001  # finding these is what this is for
            outcome.problems.append(f"{name}: {type(error).__name__}: {error}"[:300])
        outcome.seconds[name] = time.process_time() - started
    return outcome


def _split(text: str, found: list[Split]) -> list[str]:
    """The parts are the prompt, and white space belongs to the context."""
    parts = split(text)
    found.append(parts)
    broken = ["the parts are not the prompt"] * (parts.before + parts.instruction + parts.after != text)
    return broken + ["white space in the instruction"] * (parts.instruction != parts.instruction.strip())


def _gate(text: str, parts: Split, outcome: Outcome) -> list[str]:
    """A reason of its own or none, and the hard ones whatever the caller wants."""
    reasons = [should_rewrite(text, parts, POLICY, has_history=history) for history in (False, True)]
    hard = must_leave_alone(text, parts, POLICY)
    outcome.goes_on = reasons[0] is None
    broken = [f"unknown reason {reason}" for reason in reasons if reason is not None and reason not in RULES]
    return broken + ["the hard rules disagree"] * (hard is not None and (hard not in HARD or None in reasons))


def _verify(given: Input, parts: Split, goes_on: bool) -> list[str]:
    """No check crashes; a prompt is a good rewrite of itself, check by check if the gate lets it through."""
    mine = parts.instruction
    verify(mine, given.candidate, after=parts.after)
    verify_prompt(given.text, given.candidate)
    broken = ["not a rewrite of itself"] * bool(verify(mine, mine, after=parts.after))
    broken += ["the prompt is not a rewrite of itself"] * bool(verify_prompt(given.text, given.text))
    found = {name: CHECKS[name](mine, mine) for name in COMPARING} if goes_on else {}
    return broken + [f"{name} finds {detail!r} in equal texts" for name, detail in found.items() if detail]


def _explain(before: str, after: str) -> list[str]:
    """The edits lead from one text to the other, and every label points at its words."""
    edits, made, at = diff(before, after), "", 0
    for edit in edits:
        made += before[at : edit.span_before[0]] + edit.after
        at = edit.span_before[1]
    broken = ["the edits do not lead to the rewrite"] * (made + before[at:] != after)
    labels = label_strategies(before, after, edits)
    return broken + ["a label points elsewhere"] * any(after[slice(*label.span)] != label.text for label in labels)


@contextmanager
def _at_most(limit: float) -> Iterator[None]:
    """Raise `SlowError` after so much processor time; reaches into regular expressions, which look for signals."""

    def late(*_: object) -> None:
        raise SlowError(f"more than {limit:g} s")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
