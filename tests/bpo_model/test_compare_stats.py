"""Win rates, intervals and tests on judges whose truth is known, and on the paper's own counts."""

import dataclasses
import json
import random
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest  # type: ignore[import-untyped]

from bpo_model.compare.estimate import Estimate, sign_test, view
from bpo_model.compare.power import items_needed, more_needed
from bpo_model.compare.scores import Score, item_scores
from bpo_model.compare.stats import Summary, holm, summarize
from bpo_model.compare.types import Judgment, Winner
from tests.evals.simulated import BOTH, SETS, always_first, coin, from_counts, judged, prefers_a, verdict

PAPER_BPO = {"vicuna": (48, 7, 25), "self_instruct": (127, 31, 94), "dolly": (110, 32, 58), "bpo_test": (102, 36, 62)}
"""Table 3, gpt-3.5-turbo, BPO against original: counts rebuilt from the percentages."""
PAPER_NO_FEEDBACK = {
    "vicuna": (47, 7, 26),
    "self_instruct": (93, 19, 140),
    "dolly": (87, 32, 81),
    "bpo_test": (92, 32, 76),
}
"""Table 7, without feedback against original."""


def summary(judgments: list[Judgment], resamples: int = 1000) -> Summary:
    return summarize(judgments, seed=7, resamples=resamples)


def scored(values: Any, group: str = "s") -> list[Score]:
    return [
        Score(group, f"{number:04}", max(value, 0), max(-value, 0), 1, 1, True) for number, value in enumerate(values)
    ]


def swapped(judgment: Judgment) -> Judgment:
    """The same verdict with the arms renamed."""
    renamed: dict[Winner | None, Winner | None] = {"a": "b", "b": "a"}
    return dataclasses.replace(
        judgment,
        order="ba" if judgment.order == "ab" else "ab",
        winner=renamed.get(judgment.winner, judgment.winner),
        length_a=judgment.length_b,
        length_b=judgment.length_a,
    )


def test_a_judge_that_always_takes_the_first_answer_decides_nothing_in_both_orders() -> None:
    both = summary(judged(always_first))
    assert both.items.macro.dwr == both.items.micro.dwr == both.items.macro.low == both.items.macro.high == 0
    assert both.items.macro.p == both.items.macro.sign_p == 1
    assert both.conservative is not None
    assert both.conservative.macro.tie == 100
    assert (both.diagnostics.first_position, both.diagnostics.flips, both.diagnostics.ties) == (100, 100, 0)


def test_unequal_replicates_do_not_bring_the_position_back() -> None:
    rows = [row for row in judged(always_first, {"s": 20}, replicates=3) if row.order == "ab" or row.replicate == 0]
    assert summary(rows).items.macro.dwr == 0


def test_in_one_random_order_the_interval_of_that_judge_covers_0() -> None:
    one = summary(judged(always_first, orders=None))
    assert one.items.macro.low < 0 < one.items.macro.high
    assert one.conservative is None
    assert one.diagnostics.first_position == 100
    assert one.diagnostics.flips is None
    assert one.diagnostics.one_order == sum(SETS.values())


def test_a_judge_that_prefers_arm_a_gives_100_in_every_set() -> None:
    result = summary(judged(prefers_a))
    estimates = [*result.items.sets.values(), result.items.macro, result.items.micro]
    assert [estimate.dwr for estimate in estimates] == pytest.approx([100] * 6)
    assert list(result.items.sets) == sorted(SETS)
    assert result.diagnostics.first_position == 50


def test_swapping_the_arms_turns_the_sign_and_nothing_else() -> None:
    rows = judged(coin(3, 0.5, 0.3), longer=1.3)
    there, back = summary(rows), summary([swapped(row) for row in rows])
    assert back.items.macro.dwr == -there.items.macro.dwr
    assert back.items.macro.sign_p == there.items.macro.sign_p
    assert back.diagnostics.first_position == there.diagnostics.first_position
    assert back.diagnostics.length_ratio == pytest.approx(1 / there.diagnostics.length_ratio)
    assert back.lc_macro is not None
    assert there.lc_macro is not None
    assert back.lc_macro.dwr == pytest.approx(-there.lc_macro.dwr)


def test_the_papers_row_gets_its_macro_and_micro_and_p() -> None:
    result = summary(from_counts(PAPER_BPO)).items
    assert result.macro.dwr == pytest.approx(22.0, abs=0.06)
    assert result.micro.dwr == pytest.approx(20.2, abs=0.06)
    assert (result.micro.wins, result.micro.losses) == (387, 239)
    assert result.micro.sign_p == sign_test(387, 239) == pytest.approx(3.6e-9, rel=0.02)
    assert result.sets["vicuna"].dwr == pytest.approx(60.0 - 31.3, abs=0.06)
    assert result.macro.a - result.macro.b == pytest.approx(result.macro.dwr)


@pytest.mark.parametrize("total", [1, 2, 7, 40, 181])
def test_the_sign_test_is_the_exact_binomial_test(total: int) -> None:
    for wins in range(total + 1):
        assert sign_test(wins, total - wins) == pytest.approx(binomtest(wins, total).pvalue, rel=1e-12)
    assert sign_test(0, 0) == 1
    assert sign_test(50_000, 50_900) == pytest.approx(binomtest(50_000, 100_900).pvalue, rel=1e-12)


def test_macro_and_micro_can_differ_in_sign() -> None:
    result = summary(from_counts(PAPER_NO_FEEDBACK)).items
    assert result.macro.dwr == pytest.approx(4.6, abs=0.06)
    assert result.micro.dwr == pytest.approx(-0.55, abs=0.01)
    assert result.micro.sign_p == pytest.approx(0.91, abs=0.005)


def test_equal_arms_are_told_apart_in_one_of_twenty_runs() -> None:
    rng = np.random.default_rng(5)
    runs = [scored(rng.choice([-1, -0.5, 0, 0.5, 1], 120)) for _ in range(200)]
    rejected = sum(view(run, seed=seed, resamples=500).macro.p <= 0.05 for seed, run in enumerate(runs))
    assert 2 <= 100 * rejected / len(runs) <= 8


def test_the_interval_covers_the_truth_in_95_of_100_runs() -> None:
    rng = np.random.default_rng(6)
    chances = {"large": (100, (0.5, 0.2, 0.3)), "small": (40, (0.6, 0.1, 0.3))}
    truth, covered = 25.0, 0
    for seed in range(1000):
        run = [score for name, (n, p) in chances.items() for score in scored(rng.choice([1, 0, -1], n, p=p), name)]
        macro = view(run, seed=seed, resamples=500).macro
        covered += macro.low <= truth <= macro.high
    assert 930 <= covered <= 970


def test_verdicts_in_both_orders_are_one_sample() -> None:
    rows = [verdict(str(number), "a" if number % 3 else "b", order) for number in range(90) for order in BOTH]
    both, one = summary(rows).items, summary([row for row in rows if row.order == "ab"]).items
    assert both == one


def test_a_second_order_that_says_something_new_narrows_the_interval_by_the_root_of_two() -> None:
    both = summary(judged(coin(8, 0.5, 0.5)), 10_000).items.micro
    one = summary(judged(coin(8, 0.5, 0.5), orders=["ab"]), 10_000).items.micro
    assert (one.high - one.low) / (both.high - both.low) == pytest.approx(2**0.5, rel=0.06)


def test_the_interval_is_that_of_resampled_items() -> None:
    scores = item_scores(judged(coin(9, 0.5, 0.3), {"s": 150}))
    values, rng = np.array([score.value for score in scores]), np.random.default_rng(1)
    means = 100 * values[rng.integers(0, 150, (20_000, 150))].mean(axis=1)
    estimate = view(scores, seed=1, resamples=20_000).micro
    assert [estimate.low, estimate.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.7)
    assert estimate.sd / 150**0.5 == pytest.approx(means.std(), rel=0.03)


def test_the_permutation_test_agrees_with_the_exact_one_where_they_are_the_same() -> None:
    estimate = view(scored([1] * 60 + [-1] * 40 + [0] * 50), seed=1).micro
    assert estimate.p == pytest.approx(estimate.sign_p, abs=0.01)


def test_the_same_seed_gives_the_same_numbers_in_every_order_of_the_input() -> None:
    rows = judged(coin(10), orders=None, replicates=2)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert summary(shuffled) == summary(rows)
    assert summarize(rows, seed=8, resamples=1000).items != summary(rows).items


def test_invalid_verdicts_are_counted_and_bounded() -> None:
    rows = [
        *(verdict(str(number), "a") for number in range(6)),
        *(verdict(str(number), "b") for number in range(6, 8)),
        verdict("8", None, status="invalid"),
        verdict("9", None, status="error"),
    ]
    result = summary(rows)
    assert (result.items.micro.n, result.items.micro.dwr) == (8, 50)
    assert result.bounds == pytest.approx((20, 60))
    counts = result.diagnostics
    assert (counts.items, counts.unjudged, counts.invalid, counts.errors) == (10, 2, 1, 1)


def test_an_item_with_one_usable_order_stays_and_is_not_conservative() -> None:
    rows = [*judged(prefers_a, {"s": 3}), verdict("x", "b"), verdict("x", None, "ba", status="invalid")]
    result = summary(rows)
    assert (result.items.micro.n, result.items.micro.dwr, result.diagnostics.one_order) == (4, 50, 1)
    assert result.conservative is not None
    assert (result.conservative.micro.n, result.conservative.micro.dwr) == (3, 100)
    assert result.bounds == (50, 75)


def test_equal_answers_are_ties_that_say_nothing_about_the_judge() -> None:
    rows = [*judged(prefers_a, {"s": 3}), verdict("same", "tie", status="identical")]
    result = summary(rows)
    assert result.conservative is not None
    assert result.items.micro.dwr == result.conservative.micro.dwr == 75
    assert (result.diagnostics.identical, result.diagnostics.one_order, result.diagnostics.ties) == (1, 0, 0)


def test_changed_prompts_have_numbers_of_their_own() -> None:
    rows = [verdict("1", "a"), verdict("2", "b"), verdict("3", "a"), verdict("4", "b", changed=False)]
    result = summary(rows)
    assert result.changed is not None
    assert result.changed.micro.n == 3
    assert result.changed.micro.dwr == pytest.approx(100 / 3)
    assert result.diagnostics.unchanged == 25
    assert summary([verdict("4", "b", changed=False)]).changed is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "one comparison"),
        ([verdict("1", "a"), verdict("2", "a", judge="k")], "one comparison"),
        ([verdict("1", "a"), verdict("1", "b")], "two verdicts"),
        ([verdict("1", None)], "no winner"),
        ([verdict("1", None, status="error")], "none of 1 verdicts"),
    ],
)
def test_what_would_be_averaged_wrongly_is_refused(rows: list[Judgment], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        summary(rows)


def test_a_summary_is_json() -> None:
    result = dataclasses.asdict(summary(judged(coin(11), {"s": 30})))
    assert json.loads(json.dumps(result, allow_nan=False))["items"]["macro"]["n"] == 30


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("dwr", "needed"), [(20, 169), (-10, 699), (5, 2818)])
def test_items_needed_with_a_tenth_of_ties(dwr: float, needed: int) -> None:
    sd = 100 * (0.9 - (dwr / 100) ** 2) ** 0.5
    assert items_needed(dwr, sd) == needed
    assert more_needed(100, dwr, sd) == needed - 100
    assert more_needed(needed + 1, dwr, sd) == 0
    assert items_needed(0, sd) is more_needed(1, 0, sd) is None


def test_that_many_items_find_the_difference_four_times_in_five() -> None:
    rng = np.random.default_rng(12)
    runs = [scored(rng.choice([1, 0, -1], 169, p=[0.55, 0.1, 0.35])) for _ in range(400)]
    found = sum(view(run, seed=seed, resamples=500).macro.p <= 0.05 for seed, run in enumerate(runs))
    assert 0.74 <= found / len(runs) <= 0.86


def test_an_estimates_sd_is_that_of_its_own_mean() -> None:
    macro: Estimate = summary(from_counts(PAPER_BPO), 20_000).items.macro
    assert macro.high - macro.low == pytest.approx(2 * 1.96 * macro.sd / macro.n**0.5, rel=0.03)
