"""The length-controlled win rate: against a judge that likes length, against scipy, and at its edges."""

import math
import random
from typing import Any

import numpy as np
import pytest
from scipy import special  # type: ignore[import-untyped]
from scipy.optimize import minimize  # type: ignore[import-untyped]

from bpo_model.compare.estimate import view
from bpo_model.compare.length import RIDGE, LengthControlled, expit, fit, length_controlled
from bpo_model.compare.scores import Score, item_scores
from bpo_model.compare.stats import summarize
from tests.evals.simulated import SETS, coin, judged, prefers_a, prefers_longer


def control(scores: list[Score], macro: bool = True, resamples: int = 500) -> LengthControlled:
    result = length_controlled(scores, macro=macro, seed=1, resamples=resamples)
    assert result is not None
    return result


def likes_length(seed: int, quality: float, n: int = 200) -> list[Score]:
    """Items of a judge whose log odds for arm a are `quality` + 1.5 tanh(dlen / sd); arm a is usually longer."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(0.4, 1, n)
    chances = 1 / (1 + np.exp(-(quality + 1.5 * np.tanh(gaps / gaps.std()))))
    wins = rng.random(n) < chances
    return [
        Score("s", str(number), float(won), float(not won), 5000 + 1000 * gap, 5000, True)
        for number, (won, gap) in enumerate(zip(wins, gaps, strict=True))
    ]


def minimized(x: Any, y: Any, weights: Any, ridge: float) -> Any:
    """The same fit by a general optimizer."""

    def loss(beta: Any) -> tuple[float, Any]:
        z = beta[0] + beta[1] * x
        residual = weights * (1 / (1 + np.exp(-z)) - y)
        value = (weights * (np.logaddexp(0, z) - y * z)).sum() + ridge * beta[1] ** 2 / 2
        return float(value), np.array([residual.sum(), (residual * x).sum() + ridge * beta[1]])

    return minimize(loss, [0, 0], jac=True, method="BFGS", options={"gtol": 1e-9}).x


def sample(seed: int, n: int = 250) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(0.5, 1, n))
    y = np.clip(np.round(4 * (0.5 + 0.3 * x + rng.normal(0, 0.3, n))) / 4, 0, 1)
    weights = rng.uniform(0.5, 2, n)
    return x, y, weights * n / weights.sum()


def test_expit_is_scipys() -> None:
    x = np.linspace(-700, 700, 20_001)
    assert expit(x) == pytest.approx(special.expit(x), rel=1e-12, abs=0)
    assert (expit(-1000), expit(1000)) == (0, 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_the_maximum_of_its_likelihood(seed: int) -> None:
    x, y, weights = sample(seed)
    assert set(np.unique(y)) <= {0, 0.25, 0.5, 0.75, 1}
    ours = fit(x[None], y[None], weights)[0]
    assert ours == pytest.approx(minimized(x, y, weights, RIDGE), abs=1e-6)
    shift = 200 * abs(1 / (1 + math.exp(-ours[0])) - 1 / (1 + math.exp(-minimized(x, y, weights, 0)[0])))
    assert shift < 0.05  # points, for the penalty


def test_many_fits_at_once_are_the_single_fits() -> None:
    x, y, weights = sample(9)
    both = fit(np.stack([x, -x]), np.stack([y, 1 - y]), weights)
    assert both[0] == pytest.approx(fit(x[None], y[None], weights)[0], abs=1e-9)
    assert both[1] == pytest.approx([-both[0][0], both[0][1]], abs=1e-9)


def test_a_judge_that_likes_length_is_seen_through() -> None:
    scores = likes_length(1, quality=0)
    raw = 100 * np.mean([score.value for score in scores])
    controlled = control(scores)
    assert raw > 15
    assert controlled.low < 0 < controlled.high
    assert abs(controlled.dwr) < 10
    assert controlled.slope == pytest.approx(1.5, abs=0.6)
    assert not controlled.extrapolates


def test_a_judge_that_takes_the_longer_answer_is_flagged() -> None:
    result = summarize(judged(prefers_longer, {"s": 200}, longer=2.5), seed=1, resamples=500)
    assert result.items.macro.low > 0
    assert result.lc_macro is not None
    assert result.lc_macro.low < 0 < result.lc_macro.high
    assert result.lc_macro.extrapolates
    assert result.lc_macro.opposite < 15
    assert result.length_explains
    assert result.diagnostics.length_ratio == pytest.approx(2.5, rel=0.15)


def test_the_controlled_interval_covers_the_truth() -> None:
    quality = 0.4
    truth = 100 * (2 / (1 + math.exp(-quality)) - 1)
    runs = [control(likes_length(seed, quality, n=120), resamples=200) for seed in range(300)]
    assert 0.92 <= np.mean([run.low <= truth <= run.high for run in runs]) <= 0.98
    assert np.mean([run.dwr for run in runs]) == pytest.approx(truth, abs=2)


@pytest.mark.parametrize("macro", [True, False])
def test_without_a_liking_for_length_control_changes_little(macro: bool) -> None:
    scores = item_scores(judged(coin(2, 0.6, 0.3)))
    raws = view(scores, seed=1, resamples=2000)
    raw = raws.macro if macro else raws.micro
    controlled = control(scores, macro, resamples=2000)
    assert controlled.dwr == pytest.approx(raw.dwr, abs=1)
    assert controlled.high - controlled.low == pytest.approx(raw.high - raw.low, rel=0.1)


def test_macro_control_weighs_the_sets_as_the_macro_mean_does() -> None:
    rng = random.Random(1)
    sizes, chances = {"small": 40, "large": 400}, {"small": 1.0, "large": 0.3}
    scores = [
        Score(
            name,
            str(number),
            float(number < n * chances[name]),
            float(number >= n * chances[name]),
            100 + rng.choice([-9, 9]),
            100,
            True,
        )
        for name, n in sizes.items()
        for number in range(n)
    ]
    assert control(scores, macro=True).dwr == pytest.approx(100 * (1.0 - 0.4) / 2, abs=3)
    assert control(scores, macro=False).dwr == pytest.approx(100 * (40 - 160) / 440, abs=3)


def test_an_arm_that_always_wins_stays_at_100() -> None:
    result = control(item_scores(judged(prefers_a, SETS)), resamples=50)
    assert [result.dwr, result.low, result.high] == pytest.approx([100, 100, 100], abs=1e-4)


@pytest.mark.parametrize("gap", [0, 50])
def test_equal_length_differences_cannot_be_controlled(gap: int) -> None:
    scores = [Score("s", str(number), number % 2, 1 - number % 2, 100 + gap, 100, True) for number in range(10)]
    assert length_controlled(scores, macro=True, seed=1) is None
