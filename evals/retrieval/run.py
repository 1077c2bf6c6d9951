"""From questions to ranks, arm by arm, and from ranks to the report."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bpo_model import SupportsOptimize
from evals.retrieval.data import KINDS, Question
from evals.retrieval.metrics import METRICS, difference, rank_of, values
from evals.retrieval.search import Search

BASE = "original"
CONTROL = "Explain it in simple words."
"""Words that know nothing of the question: what they gain in two lists, any second text would gain."""
Variants = Callable[[list[str]], list[list[str]]]
"""n questions -> for each some rewrites, without the question itself, as `BPORunnable().variants(2).batch` has them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question, what was searched for, and where its passage was found."""

    question: Question
    rewrite: str
    reason: str
    ranks: dict[str, int | None]
    """By arm, from 1; None: not in the list."""

    @property
    def changed(self) -> bool:
        """Whether the rewrite differs from the question."""
        return self.rewrite != self.question.question


def run(
    questions: Sequence[Question], search: Search, optimizer: SupportsOptimize, variants: Variants | None = None
) -> list[Row]:
    """Rewrite all questions and search with every arm; with `variants` there is one arm more."""
    texts = [question.question for question in questions]
    results = optimizer.optimize_batch(texts)
    others = variants(texts) if variants else [None] * len(texts)
    return [
        Row(question, result.text, result.reason.value, _ranks(question, result.text, other, search))
        for question, result, other in zip(questions, results, others, strict=True)
    ]


def _ranks(question: Question, rewrite: str, variants: list[str] | None, search: Search) -> dict[str, int | None]:
    """The arms: what is searched for, and how."""
    original = question.question
    control = f"{original} {CONTROL}"
    rankings = {
        BASE: search.pooled([original]),
        "rewrite": search.pooled([rewrite]),
        "pooled": search.pooled([original, rewrite]),
        "fused": search.fused([original, rewrite]),
        "pooled, control": search.pooled([original, control]),
        "fused, control": search.fused([original, control]),
    }
    if variants is not None:
        rankings["fused, variants"] = search.fused([original, *variants])
    return {arm: rank_of(question.passage_id, ranking) for arm, ranking in rankings.items()}


def make_report(rows: Sequence[Row]) -> dict[str, Any]:
    """Every number of the report; `questions` has each question with its ranks."""
    changed = [row for row in rows if row.changed]
    return {
        "changed": {"n": len(changed), "share": round(len(changed) / len(rows), 3)},
        "reasons": dict(Counter(row.reason for row in rows).most_common()),
        "all": _summary(rows),
        "changed only": _summary(changed),
        "by kind": {kind: _summary(some) for kind in KINDS if (some := [r for r in rows if r.question.kind == kind])},
        "questions": [_record(row) for row in rows],
    }


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Metrics of every arm, and its paired differences to the original."""
    arms: dict[str, Any] = {}
    for arm in rows[0].ranks if rows else ():
        mine, base = ([row.ranks[name] for row in rows] for name in (arm, BASE))
        arms[arm] = {metric: round(float(values(metric, mine).mean()), 4) for metric in METRICS}
        if arm != BASE:
            arms[arm]["differences"] = {m: difference(values(m, mine), values(m, base)) for m in METRICS}
    return {"n": len(rows), "changed": sum(row.changed for row in rows), "arms": arms}


def _record(row: Row) -> dict[str, Any]:
    """A line of the report."""
    return {"id": row.question.id, "rewrite": row.rewrite, "reason": row.reason, "ranks": row.ranks}
