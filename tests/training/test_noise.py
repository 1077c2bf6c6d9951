"""Noise: as hasty users type, never in what must stay exact, and only where the target still passes."""

import random

import pytest

from bpo_model.contract import verify
from training.noise import noise, noisy_rows
from training.pairs import Row

PROMPT = 'Could you explain the "quarterly numbers" in report_2024.csv, about {region}, for https://example.com/alpha?'
ROWS = [
    Row(f"own/{number}", "own", f"Please explain gardening number {number} with examples.", "x")
    for number in range(200)
]


def kept(row: Row) -> Row:
    """With a target that the contract accepts."""
    return Row(row.id, row.source, row.instruction, f"{row.instruction} Describe each step.")


def test_exact_spans_stay_as_they_are() -> None:
    for seed in range(200):
        text = noise(PROMPT, random.Random(seed)).lower()
        assert all(part in text for part in ("report_2024.csv", "{region}", "https://example.com/alpha"))


def test_the_noise_is_the_same_whatever_else_is_there() -> None:
    rows = [kept(row) for row in ROWS]
    found = list(noisy_rows(rows, 0.5, 1))
    assert list(noisy_rows(rows[::-1], 0.5, 1)) == found[::-1]
    assert 60 < len(found) < 140
    assert list(noisy_rows(rows, 0.5, 2)) != found
    assert list(noisy_rows(rows, 0.0, 1)) == []


def test_every_noisy_row_still_has_a_target_that_passes() -> None:
    found = list(noisy_rows([kept(row) for row in ROWS], 1.0, 3))
    assert found
    assert all(not verify(row.instruction, row.optimized) for row in found)
    assert all(row.id.endswith("~noise") for row in found)


@pytest.mark.parametrize("target", ["Please explain gardening number 7 with examples.", "Write a poem about the sea."])
def test_unchanged_and_failing_targets_get_no_noise(target: str) -> None:
    assert list(noisy_rows([Row("a", "own", "Please explain gardening number 7 with examples.", target)], 1.0, 1)) == []
