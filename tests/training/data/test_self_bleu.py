"""Self-BLEU against nltk, the filter against its definition, and the threshold that a quota needs."""

import gzip
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from training.data.selection.bench import prompts
from training.data.selection.diversity import STEPS, diversify, lowest_tau
from training.data.selection.self_bleu import Marks, leave_one_out, mark, visit
from training.data.selection.text import tokens
from training.data.types import Preference

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=2, max_size=8)
"""Few words, so that texts repeat themselves and each other, at all lengths from 0."""


def by_nltk(references: Sequence[Sequence[str]], text: Sequence[str]) -> float:
    return float(sentence_bleu(references, text, smoothing_function=SmoothingFunction(epsilon=0.1).method1))


def row(number: int, text: str, source: str = "own") -> Preference:
    return Preference(f"{source}/{number}", source, str(number), text, "", "yes", "no", "en", "MIT")


@pytest.fixture(scope="module")
def texts() -> list[list[str]]:
    """Templates, copies, copies with another word, and words by chance."""
    return [tokens(text) for text in prompts(2000)]


@pytest.fixture(scope="module")
def hh(data: Path) -> list[list[str]]:
    """The first prompts of all conversations of the real file, in its order."""
    with gzip.open(data / "preferences" / "hh_rlhf_harmless_base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        chosen = [json.loads(line)["chosen"] for line in file]
    return [tokens(text.split("\n\nHuman:", 1)[1].split("\n\nAssistant:")[0]) for text in chosen]


def kept(marks: Marks, tau: float) -> int:
    return sum(found.kept for found in visit(marks, tau))


def test_it_is_nltks_bleu_with_all_others_as_references(texts: list[list[str]]) -> None:
    some = texts[:60]
    expected = [by_nltk(some[:i] + some[i + 1 :], text) for i, text in enumerate(some)]
    assert max(expected) == 1.0  # copies are among them
    assert min(expected) < 0.1
    assert leave_one_out(mark(some)) == pytest.approx(expected, abs=1e-12)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_it_is_nltks_bleu_on_texts_of_every_shape(texts: list[list[str]]) -> None:
    expected = [by_nltk(texts[:i] + texts[i + 1 :], text) for i, text in enumerate(texts)]
    assert leave_one_out(mark(texts)) == pytest.approx(expected, abs=1e-12)


@given(TEXTS, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_filter_compares_with_what_was_kept_before(texts: list[list[str]], tau: float) -> None:
    references: list[list[str]] = []
    for text, found in zip(texts, visit(mark(texts), tau), strict=True):
        assert found.score == pytest.approx(by_nltk(references, text) if references else 0.0, abs=1e-12)
        assert found.kept == (found.score <= tau)
        if found.kept:
            references.append(text)


def test_a_repeated_word_counts_only_as_often_as_one_other_text_has_it() -> None:
    once, thrice = leave_one_out(mark([["the", "cat"], ["the", "the", "the"]]))
    assert once == pytest.approx((1 / 2 * 0.1 / 1 * 0.1 * 0.1) ** 0.25 * 2.718281828459045**-0.5)
    assert thrice == pytest.approx((1 / 3 * 0.1 / 2 * 0.1 / 1 * 0.1) ** 0.25)


def test_a_text_without_others_repeats_nothing() -> None:
    assert leave_one_out(mark([])) == []
    assert leave_one_out(mark([["a", "b"]])) == [0.0]
    assert leave_one_out(mark([[], ["a"], []])) == [0.0, 0.0, 0.0]


def test_the_real_prompts_are_filtered_as_measured(hh: list[list[str]]) -> None:
    marks = mark(hh)
    assert [kept(marks, tau) for tau in (0.2, 0.35, 0.5, 0.7)] == [956, 1382, 1721, 2044]
    scores = leave_one_out(marks)
    sample = random.Random(0).sample(range(len(hh)), 5)
    expected = [by_nltk(hh[:i] + hh[i + 1 :], hh[i]) for i in sample]
    assert [scores[i] for i in sample] == pytest.approx(expected, abs=1e-12)


def test_four_times_the_texts_take_nowhere_near_sixteen_times_as_long() -> None:
    texts = [tokens(text) for text in prompts(6000)]

    def seconds(part: Sequence[Sequence[str]]) -> float:
        start = time.process_time()
        marks = mark(part)
        leave_one_out(marks)
        kept(marks, 0.5)
        return time.process_time() - start

    assert min(seconds(texts) for _ in range(2)) < 9 * min(seconds(texts[:1500]) for _ in range(3))


@pytest.mark.parametrize("quota", [1, 300, 1000, 1500])
def test_the_threshold_is_the_lowest_that_fills_the_quota(texts: list[list[str]], quota: int) -> None:
    marks = mark(texts)
    tau = lowest_tau(marks, quota, 0.9)
    assert kept(marks, tau) >= quota
    assert tau == 0 or kept(marks, tau - 0.9 / STEPS) < quota


def test_a_quota_is_filled_exactly_and_says_what_it_left_out() -> None:
    rows = [row(number, text) for number, text in enumerate(prompts(1200))]
    found = diversify(rows, seed=0, tau=0.9, quota=500)
    assert len(found.kept) == 500
    assert 0 < found.tau < 0.9
    assert {reject.reason for reject in found.rejects} <= {"similar", "over_quota"}
    assert sorted([r.id for r in found.kept] + [r.id for r in found.rejects]) == sorted(r.id for r in rows)
    similar = next(reject for reject in found.rejects if reject.reason == "similar")
    score, limit = (float(number) for number in similar.detail.removeprefix("self-BLEU ").split(", at most "))
    assert score >= limit
    assert limit == pytest.approx(found.tau, abs=1e-3)


def test_a_quota_that_cannot_be_filled_takes_no_row_beyond_the_threshold() -> None:
    rows = [row(number, text) for number, text in enumerate(prompts(300))]
    found = diversify(rows, seed=0, tau=0.6, quota=300)
    alone = diversify(rows, seed=0, tau=0.6)
    assert found == alone
    assert found.tau == 0.6
    assert 0 < len(found.kept) < 300


def test_a_quota_of_all_is_filled_if_the_threshold_allows_it() -> None:
    marks = mark([tokens(text) for text in ("What is rain?", "What is snow?", "Who was Ada Lovelace?")])
    tau = lowest_tau(marks, 3, 1.0)
    assert 0 < tau < 0.5
    assert kept(marks, tau) == 3
    assert lowest_tau(marks, 4, 1.0) == 1.0


def test_a_quota_of_nothing_takes_nothing() -> None:
    found = diversify([row(1, "What is rain?"), row(2, "Who was Ada Lovelace?")], seed=0, tau=0.7, quota=0)
    assert found.kept == []
    assert {reject.reason for reject in found.rejects} == {"over_quota"}


def test_the_order_of_the_rows_does_not_matter_but_the_seed_does() -> None:
    rows = [row(number, text) for number, text in enumerate(prompts(400))]
    shuffled = random.Random(5).sample(rows, len(rows))
    assert diversify(rows, 0, 0.4, 150) == diversify(shuffled, 0, 0.4, 150)
    assert set(diversify(rows, 0, 0.4, 150).kept) != set(diversify(rows, 1, 0.4, 150).kept)
