"""Four times the text takes about four times as long, whatever the text is made of.

The texts are runs of single characters and of whatever any pattern of the package repeats, found by walking the
modules: see `evals.million.patterns`. Only ratios of processor times count, never a time.
"""

import time
from collections.abc import Callable

import pytest

from bpo_model.config import GatePolicy
from bpo_model.contract import verify
from bpo_model.gate import RULES
from bpo_model.split import Split, split
from evals.million.patterns import Pump, pumps

LIMIT = 8
"""Half way, as a factor, between linear (4) and quadratic (16)."""
SIZE = 600
"""Characters of the shorter text; doubled until it takes as long as can be measured."""
MEASURABLE = 5e-4
TRIES = 4
POLICY = GatePolicy()
FRAMES = {
    "alone": "{}",
    "under a request": "How do I fix this?\n{}",
    "above a request": "{}\n\nPlease summarize this.",
    "under a persona": "You are a bot.\n{}\nx",
}
UNITS = [
    *"aA7 -._,:;!?'\"()[]{}<>/\\@#$%&*+=|~^`\n\t\r\x00\u0301é’“漢ع\ud800\U0001f600",
    "\r\n", "\n\n", "- ", "a\n", "a ", "A ", "1. ", "a, ", "how ", "not ", "x = ", "You are a bot.\n",
    "Q: a?\n", "a: b\n",
]  # fmt: skip
"""Runs of every class of characters, and of short lines."""


def gate(text: str) -> None:
    """Every rule, since the first one that holds would end it; the split is not part of it."""
    for rule in RULES.values():
        rule(text, Split("", text, ""), POLICY, True)


STEPS: dict[str, Callable[[str], object]] = {
    "split": split,
    "gate": gate,
    "verify": lambda text: verify(text, f"Explain {text}"),
}


def seconds(step: Callable[[str], object], text: str) -> float:
    """Processor time of this thread, so that a busy machine does not count."""
    started = time.thread_time()
    step(text)
    return time.thread_time() - started


def grows_too_fast(step: Callable[[str], object], make: Callable[[int], str]) -> bool:
    """Whether the best of a few tries at four times the length is over the limit; one good try is enough."""
    size = SIZE
    while (short := seconds(step, make(size))) < MEASURABLE and size < 64 * SIZE:
        size *= 2
    long = seconds(step, make(4 * size))
    for _ in range(TRIES):
        if long < LIMIT * short:
            return False
        short, long = min(short, seconds(step, make(size))), min(long, seconds(step, make(4 * size)))
    return long >= LIMIT * short


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_runs_of_every_class_of_characters(step: str, frame: str) -> None:
    units = UNITS if step != "verify" else UNITS[::4]  # every check is timed alone in test_contract.py
    slow = [unit for unit in units if grows_too_fast(STEPS[step], lambda n, u=unit: frame.format(u * (n // len(u))))]  # type: ignore[misc]
    assert slow == []


@pytest.mark.parametrize("step", STEPS)
def test_runs_of_what_the_patterns_repeat(step: str) -> None:
    chosen = pumps(each=2 if step != "verify" else 1)
    assert len(chosen) > 60
    chosen = chosen if step != "verify" else chosen[::2]
    assert [pump for pump in chosen if grows_too_fast(STEPS[step], pump.text)] == []


def test_a_step_that_is_quadratic_is_noticed() -> None:
    pump = Pump("", "", "a", "!")
    assert grows_too_fast(lambda text: [text.count("a", i) for i in range(0, len(text), 8)], pump.text)
    assert not grows_too_fast(lambda text: sum(ord(char) for char in text), pump.text)
