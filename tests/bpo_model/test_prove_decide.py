"""The verdict, on judges whose truth is known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bpo_model.compare.types import Judgment, Order, Winner
from bpo_model.prove import measure as measuring
from bpo_model.prove.decide import EXIT_CODES, Verdict, decide, hopeless, more_needed, unfit
from bpo_model.prove.measure import Measured, measure
from bpo_model.prove.pairs import Pair
from bpo_model.prove.prompts import Case
from tests.evals.simulated import BOTH, Judge, always_first, coin, judged, prefers_a, prefers_longer, verdict


def paired(judgments: Sequence[Judgment], unchanged: int = 0) -> list[Pair]:
    """Pairs as a run makes them, and further prompts that were left alone."""
    found: dict[str, dict[Order, Judgment]] = {}
    for one in judgments:
        found.setdefault(one.item, {})[one.order] = one
    pairs = [
        Pair(
            Case(item, 1, item, item), {"status": "ok", "changed": True, "latency_ms": 100.0},
            tuple(orders.values()), ({"status": "ok"}, {"status": "ok"}),
            {order: {"status": one.status, "key": item, "error": "down"} for order, one in orders.items()},
        )
        for item, orders in found.items()
    ]  # fmt: skip
    ties = [verdict(f"u{n}", "tie", order, status="identical", changed=False, lengths=(0, 0)) for n in range(unchanged)
            for order in BOTH]  # fmt: skip
    alone = [Pair(Case(one.item, 1, "", ""), {"status": "ok", "changed": False}, (one, two))
             for one, two in zip(ties[::2], ties[1::2], strict=True)]  # fmt: skip
    return [*pairs, *alone]


def decided(pairs: Sequence[Pair], worth: float = 5) -> Verdict:
    return decide(pairs, measure(pairs), worth)


def one_answer(values: Sequence[int]) -> list[Judgment]:
    """Items on which both orders agree."""
    winners: dict[int, Winner] = {1: "a", 0: "tie", -1: "b"}
    return [verdict(f"{n:05}", winners[int(value)], order) for n, value in enumerate(values) for order in BOTH]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer resamples, for tests that repeat."""
    monkeypatch.setattr(measuring, "RESAMPLES", 500)
    monkeypatch.setattr(measuring, "REFITS", 10)


def repeated(n: int, share: float, effect: float, runs: int, worth: float = 5.0) -> Counter[str]:
    """Verdicts of many runs on n prompts, a share of them changed, with a true effect over all prompts."""
    rng, found = np.random.default_rng([7, n]), Counter[str]()
    for _ in range(runs):
        changed = int((rng.random(n) < share).sum())
        won, lost = (0.8 + effect / share) / 2, (0.8 - effect / share) / 2
        values = rng.choice([1, 0, -1], changed, p=[won, 0.2, lost])
        found[decided(paired(one_answer(values), n - changed), worth).word] += 1
    return found


def measured(pairs: Sequence[Pair]) -> Measured:
    found = measure(pairs)
    assert found is not None
    return found


@pytest.mark.usefixtures("quick")
def test_without_an_effect_it_is_kept_in_at_most_1_of_40_runs() -> None:
    runs = {n: repeated(n, 0.6, 0.0, 150) for n in (8, 40, 160)}
    assert all(found["keep"] <= 0.05 * 150 for found in runs.values())
    assert sum(found["keep"] for found in runs.values()) <= 0.035 * 450


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("n", [30, 90])
def test_an_effect_just_worth_having_is_switched_off_in_about_1_of_40_runs(n: int) -> None:
    assert repeated(n, 0.6, 0.05, 300)["off"] <= 0.05 * 300


@pytest.mark.usefixtures("quick")
def test_a_clear_effect_is_found_and_a_clear_harm_too() -> None:
    assert repeated(200, 0.6, 0.25, 40)["keep"] >= 38
    assert repeated(200, 0.6, -0.25, 40)["off"] >= 38


@pytest.mark.usefixtures("quick")
def test_enough_prompts_without_an_effect_end_in_off() -> None:
    assert repeated(2500, 0.5, 0.0, 6)["off"] >= 5


@pytest.mark.usefixtures("quick")
def test_that_many_more_prompts_settle_it_in_four_of_five_runs() -> None:
    first = measured(paired(one_answer([1] * 50 + [0] * 20 + [-1] * 30), 100)).every
    more = more_needed(first, 5)
    assert 50 < more < 800
    found = repeated(first.n + more, 0.5, first.dwr / 100, 50)
    assert 0.65 <= found["keep"] / 50 <= 0.95


@pytest.mark.usefixtures("quick")
def test_that_many_more_prompts_exclude_what_is_worth_having_in_four_of_five_runs() -> None:
    first = measured(paired(one_answer([1] * 40 + [0] * 20 + [-1] * 40), 100)).every
    more = more_needed(first, 5)
    assert 800 < more < 1400
    assert 0.6 <= repeated(first.n + more, 0.5, 0.0, 30)["off"] / 30 <= 0.95


@pytest.mark.parametrize(("wins", "word"), [(3, "need more"), (5, "need more"), (6, "keep")])
def test_a_few_wins_prove_nothing_however_equal_they_are(wins: int, word: str) -> None:
    found = decided(paired(one_answer([1] * wins)))
    assert found.word == word
    assert (found.more is None) == (word == "keep")


@pytest.mark.parametrize(("n", "word"), [(60, "need more"), (80, "off")])
def test_where_nothing_changes_it_takes_74_prompts_to_exclude_5_points(n: int, word: str) -> None:
    assert decided(paired([], n)).word == word
    if word == "need more":
        assert 10 <= (decided(paired([], n)).more or 0) <= 20


def test_unchanged_prompts_dilute_the_effect_and_not_that_on_changed_ones() -> None:
    alone, diluted = (measured(paired(judged(coin(1, 0.6, 0.3), {"s": 100}), n)) for n in (0, 300))
    assert alone.every.dwr == pytest.approx(4 * diluted.every.dwr)
    assert (diluted.every.n, diluted.changed and diluted.changed.n) == (400, 100)
    assert alone.changed == diluted.changed
    assert alone.controlled == diluted.controlled
    assert diluted.diagnostics.unchanged == 75


def test_length_control_is_not_pulled_to_0_by_unchanged_prompts() -> None:
    rows = judged(coin(2, 0.7, 0.2), {"s": 150}, longer=1.6)
    found = measured(paired(rows, 600))
    assert found.controlled is not None
    assert found.changed is not None
    assert found.controlled.dwr == pytest.approx(found.changed.dwr, abs=15)
    assert not found.length_explains


def test_a_judge_that_likes_length_is_warned_of() -> None:
    found = decided(paired(judged(prefers_longer, {"s": 120}, longer=2.5), 30))
    assert found.word == "keep"
    assert any("At equal length" in warning for warning in found.warnings)


def test_a_judge_that_takes_the_first_answer_is_unfit_and_ends_the_run() -> None:
    pairs = paired(judged(always_first, {"s": 12}))
    found = decided(pairs)
    assert (found.word, found.exit_code) == ("unfit judge", 3)
    assert "in 12 of 12 pairs" in found.warnings[0]
    assert "goes by the place" in hopeless(pairs)


@pytest.mark.parametrize("judge", [prefers_a, coin(4, 0.8, 0.1)])
def test_a_judge_that_decides_is_fit(judge: Judge) -> None:
    pairs = paired(judged(judge, {"s": 40}))
    assert (unfit(pairs), hopeless(pairs)) == ((), "")


def unread(count: int) -> list[Pair]:
    pairs = paired(one_answer([1, -1] * 20))
    rows = [replace(one, status="invalid", winner=None) for pair in pairs[:count] for one in pair.judgments]
    return [*paired(rows), *pairs[count:]]


@pytest.mark.parametrize(("count", "warned", "ends"), [(0, False, False), (2, True, False), (30, True, True)])
def test_unreadable_verdicts_make_a_judge_unfit(count: int, warned: bool, ends: bool) -> None:
    assert bool(unfit(unread(count))) == warned
    assert bool(hopeless(unread(count))) == ends


def failed(count: int, n: int) -> list[Pair]:
    rows = [verdict(f"f{m}", None, order, status="error") for m in range(count) for order in BOTH]
    return [*paired(one_answer([1] * (n - count))), *paired(rows)]


@pytest.mark.parametrize(("count", "n", "word"), [(1, 100, "keep"), (3, 100, "incomplete"), (20, 20, "incomplete")])
def test_failed_calls_are_said_and_too_many_leave_it_open(count: int, n: int, word: str) -> None:
    found = decided(failed(count, n))
    assert found.word == word
    assert f"Calls for {count} of {n} prompts failed (down)" in found.warnings[0]
    assert bool(hopeless(failed(count, n))) == (count == n)


def test_answers_that_were_cut_are_warned_of() -> None:
    cut: Any = ({"status": "ok", "finish_reason": "length"}, {"status": "ok", "finish_reason": "stop"})
    pairs = [replace(pair, answers=cut) for pair in paired(one_answer([1] * 10))]
    assert "10 of 20 answers were cut" in decided(pairs).warnings[0]


def test_the_bounds_give_missing_verdicts_to_either_side() -> None:
    pairs = [*paired(one_answer([1] * 6 + [-1] * 2)), *paired([verdict("x", None, o, status="error") for o in BOTH])]
    assert measured(pairs).bounds == pytest.approx((100 * 3 / 9, 100 * 5 / 9))


def test_exit_codes_leave_1_and_2_to_failures_and_wrong_command_lines() -> None:
    expected = {"keep": 0, "need more": 5, "off": 4, "unfit judge": 3, "incomplete": 3}
    assert dict(EXIT_CODES) == expected
    assert not {1, 2, 130} & set(EXIT_CODES.values())
