"""Texts of what our own patterns look for, broken characters and long runs: no step raises or contradicts itself.

The pieces come from the patterns of all modules (`evals.million.patterns`), so a new pattern is tried at once.
`python -m evals.million` does the same for a million prompts.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpo_model import Reason
from bpo_model.config import Options
from bpo_model.contract import verify
from bpo_model.split import split
from bpo_model.testing import FakeOptimizer
from evals.million.inputs import KINDS, Input, make
from evals.million.patterns import patterns, pieces, pumps
from evals.million.steps import examine

BROKEN = st.sampled_from(["\ud800", "\udfff", "\x00", "\x1b[31m", "\u202e", "\ufeff", "\u2028", "\x85", "\u0301" * 9])
PIECES = st.sampled_from(pieces()) | BROKEN | st.text(st.characters(), max_size=8)
RUNS = st.tuples(PIECES, st.integers(1, 60)).map(lambda run: run[0] * run[1])
TEXT = st.lists(PIECES | RUNS | st.sampled_from([" ", "\n", "\n\n", "? ", ": "]), max_size=12).map("".join)
PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def problems(text: str, candidate: str) -> list[str]:
    """What is wrong."""
    return examine(Input(0, "", text, candidate), limit=20).problems


@PATIENT
@given(TEXT, TEXT)
def test_no_step_raises_or_contradicts_itself(text: str, candidate: str) -> None:
    assert problems(text, candidate) == []


@PATIENT
@given(TEXT, TEXT)
def test_whatever_the_model_writes_only_what_holds_the_contract_is_sent(text: str, written: str) -> None:
    optimizer = FakeOptimizer(lambda _: written, Options(rewrite="auto"))
    result = optimizer.optimize(text)
    parts = split(text)
    if not result.changed:
        assert result.text == text
        assert result.reason not in (Reason.REWRITTEN, Reason.ERROR), result.detail
    else:
        assert result.text == parts.before + written.strip() + parts.after
        assert verify(parts.instruction, written.strip(), optimizer.checkpoint.length, after=parts.after) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_the_inputs_of_the_long_run_are_without_problems(kind: str) -> None:
    given = [found for seed in range(3000) if (found := make(seed)).kind == kind][:12]
    assert len(given) == 12
    assert [(item.seed, wrong) for item in given if (wrong := problems(item.text, item.candidate))] == []


def test_the_pieces_come_from_all_patterns() -> None:
    assert len(patterns()) > 90
    assert {name.rpartition(".")[0] for name in patterns()} >= {
        f"bpo_model.{name}"
        for name in ("split", "gate", "request", "explain", "language", "checks.spans", "checks.form")
    }
    missing = set(patterns()) - {pump.pattern for pump in pumps(each=1000)}
    assert len(missing) < len(patterns()) / 4, sorted(missing)  # equal texts count for one pattern only
    assert make(7) == make(7)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("opposites_kept", "How do moods change from day to day?"),
        ("identifiers_kept", "What does A[i]B mean?"),
        ("identifiers_kept", "Why is a/b.py--verbose slow?"),
        ("no_harm_helped", "Why did Brutus kill Caesar?"),
    ],
)
def test_a_prompt_is_a_rewrite_of_itself(check: str, text: str) -> None:
    assert check not in [violation.check for violation in verify(text, f"{text} Please explain your answer.")]
