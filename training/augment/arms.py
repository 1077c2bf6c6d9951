"""The third step: the files that a model is trained on, one for each arm, with the same prompts in all of them.

* `original`: the answers of the data set itself, as in the paper, where the same LLM had written them;
* `reconstructed`: what the LLM answers to the optimized prompt, under the original prompt;
* `control`, which the paper does not have: what the LLM answers to the original prompt. Another LLM than the one
  that wrote the data set differs from it in much more than the rewriting; only control against reconstructed tells
  the two apart.

The paper does not say which prompt stands over the answers in training; under the original one the model learns to
answer people as they write. The optimized prompt is in the rows too, for who wants the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from training.augment.answers import Answers, answer_request
from training.augment.examples import Example
from training.augment.rewrites import Rewrite
from training.data.sources.fields import Row
from training.data.teaching.config import TeacherConfig
from training.data.teaching.failures import Failure
from training.data.teaching.request import Request
from training.data.types import Reject

ORIGINAL, RECONSTRUCTED, CONTROL = "original", "reconstructed", "control"
LASTING = ("http_400", "http_413", "http_422", "not_sent")
"""Failures that judge the request itself: it would fail in every run, and must not hold up the others."""

Asked: TypeAlias = Mapping[str, Request]
"""The requests of an example, by arm."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Rows by arm, all with the same ids in the same order, and why the others are in none."""

    rows: Mapping[str, Sequence[Row]]
    rejects: Sequence[Reject]
    open: int
    """Examples that another run asks for again: there is no answer yet."""


def requests_of(example: Example, rewrite: Rewrite, config: TeacherConfig, control: bool) -> Asked:
    """What the LLM is asked for one example; a prompt that was not rewritten is one request for both arms."""
    asked = {RECONSTRUCTED: answer_request(example.id, rewrite.text, config)}
    return {**asked, CONTROL: answer_request(example.id, example.prompt, config)} if control else asked


def make_arms(
    examples: Sequence[Example],
    rewrites: Mapping[str, Rewrite],
    asked: Mapping[str, Asked],
    answers: Answers,
    control: bool,
) -> Arms:
    """Join everything by the ids of the examples; what lacks a part in one arm is left out of all."""
    rows: dict[str, list[Row]] = {name: [] for name in (ORIGINAL, RECONSTRUCTED, *([CONTROL] if control else []))}
    rejects, open_ = list[Reject](), 0
    for one in examples:
        if one.id not in rewrites:
            rejects.append(_left_out(one, "rewrite", "rewrite_failed", "the next run tries again"))
            continue
        found = {arm: answers.found[request.key] for arm, request in asked[one.id].items()}
        texts = {arm: answer.text for arm, answer in found.items() if not isinstance(answer, Failure)}
        bad = next((answer for answer in found.values() if answer.status != "ok"), None)
        if bad is None:
            _add(rows, one, rewrites[one.id], texts)
        elif isinstance(bad, Failure) and bad.status not in LASTING:
            open_ += 1
        else:
            rejects.append(_left_out(one, "answer", f"answer:{bad.status}", bad.detail))
    return Arms(rows, rejects, open_)


def _add(rows: Mapping[str, list[Row]], one: Example, rewrite: Rewrite, texts: Mapping[str, str]) -> None:
    """One row for every arm."""
    more: dict[str, dict[str, Any]] = {RECONSTRUCTED: {"optimized_prompt": rewrite.text, "rewrite": rewrite.reason}}
    for arm, found in rows.items():
        response = one.response if arm == ORIGINAL else texts[arm]
        found.append({"id": one.id, "prompt": one.prompt, "response": response, **more.get(arm, {})})


def _left_out(one: Example, stage: str, reason: str, detail: str) -> Reject:
    return Reject(one.id, "data", stage, reason, detail)
