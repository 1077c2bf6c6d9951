"""The step that all adapters share: any optimizer, never an exception, always in time."""

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bpo_integrations import step as step_module
from bpo_integrations.loading import LoadOnce
from bpo_integrations.step import RewriteStep, facts
from bpo_model import GenerationError, ModelLoadError, OptimizedPrompt, Prompt, PromptOptimizer, Reason
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


class Foreign:
    """Somebody else's optimizer: answers with a function of the prompts."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def optimize(self, prompt: Prompt) -> OptimizedPrompt:
        return self.optimize_batch([prompt])[0]

    def optimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        answer: list[OptimizedPrompt] = self.answer(prompts)
        return answer

    async def aoptimize(self, prompt: Prompt) -> OptimizedPrompt:
        return (await self.aoptimize_batch([prompt]))[0]

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        return await asyncio.to_thread(self.optimize_batch, prompts)


async def both(step: RewriteStep, prompts: list[Prompt]) -> list[OptimizedPrompt]:
    """The results of both ways of calling, which must agree."""
    waited, results = await step.aresults(prompts), step.results(prompts)
    assert [(r.text, r.reason, r.changed) for r in waited] == [(r.text, r.reason, r.changed) for r in results]
    return results


async def test_results_come_in_order_and_in_one_call() -> None:
    fake = FakeOptimizer()
    results = await both(RewriteStep(fake), [ASK, [{"role": "user", "content": "tell me why"}]])
    assert [result.text for result in results] == [REWRITE, "tell me why Please explain your answer."]
    assert len(fake.calls[0]) == 2


async def test_no_prompts_load_nothing() -> None:
    step = RewriteStep("no/such/checkpoint")
    assert step.results([]) == await step.aresults([]) == []


async def test_a_checkpoint_that_cannot_be_loaded_lets_the_originals_through(tmp_path: Any) -> None:
    step = RewriteStep(str(tmp_path / "nothing"))
    (result,) = await both(step, [ASK])
    assert (result.text, result.reason) == (ASK, Reason.ERROR)
    assert "nothing" in result.detail
    with pytest.raises(GenerationError, match="nothing"):
        RewriteStep(str(tmp_path / "nothing"), on_error="raise").result(ASK)


def test_the_embedded_default_is_one_object_for_all_steps() -> None:
    assert RewriteStep().optimizer is RewriteStep(deadline_ms=5).optimizer
    assert isinstance(RewriteStep().optimizer, PromptOptimizer)


async def test_loading_counts_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def load(name: str | None) -> FakeOptimizer:
        release.wait(20)
        return FakeOptimizer()

    monkeypatch.setattr(step_module, "_loaded", LoadOnce(load))
    (result,) = await both(RewriteStep("slow to load", deadline_ms=50), [ASK])
    assert (result.text, result.reason) == (ASK, Reason.DEADLINE)
    release.set()


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda prompts: None, "returned NoneType for 1 prompts"),
        (lambda prompts: [], "returned 0 results for 1 prompts"),
        (lambda prompts: ["text"], "returned str, no OptimizedPrompt"),
        (lambda prompts: [replace(FakeOptimizer().optimize("other"), text="x")], "the result of another prompt"),
        (lambda prompts: [replace(FakeOptimizer().optimize(ASK), text="  ")], "a blank prompt"),
        (lambda prompts: 1 / 0, "ZeroDivisionError"),
    ],
)
async def test_nonsense_from_somebody_elses_optimizer_costs_nothing(answer: Any, detail: str) -> None:
    (result,) = await both(RewriteStep(Foreign(answer)), [ASK])
    assert (result.text, result.reason, result.changed) == (ASK, Reason.ERROR, False)
    assert detail in result.detail


async def test_nonsense_for_one_prompt_spares_its_neighbour() -> None:
    fake = FakeOptimizer()

    def answer(prompts: Any) -> list[Any]:
        return [5, *fake.optimize_batch(prompts[1:])]

    results = await both(RewriteStep(Foreign(answer)), ["tell me why", ASK])
    assert [result.text for result in results] == ["tell me why", REWRITE]


async def test_an_optimizer_that_hangs_meets_the_deadline() -> None:
    release = threading.Event()
    step = RewriteStep(Foreign(lambda prompts: release.wait(20)), deadline_ms=50)
    (result,) = await both(step, [ASK])
    assert (result.text, result.reason) == (ASK, Reason.DEADLINE)
    release.set()


async def test_our_own_optimizer_never_raises_here_even_if_it_is_told_to() -> None:
    def fail(text: str) -> str:
        raise RuntimeError("broken")

    strict = FakeOptimizer(fail, replace(FakeOptimizer().options, on_error="raise"))
    (result,) = await both(RewriteStep(strict), [ASK])
    assert (result.text, result.reason) == (ASK, Reason.ERROR)
    with pytest.raises(GenerationError, match="broken"):
        await RewriteStep(strict, on_error="raise").aresult(ASK)


def test_options_reach_the_optimizer() -> None:
    assert RewriteStep(FakeOptimizer(), rewrite="never").result(ASK).reason is Reason.SWITCHED_OFF


@pytest.mark.parametrize(
    ("optimizer", "options", "message"),
    [
        (5, {}, "optimizer must be a PromptOptimizer, the name of a checkpoint, or None .* got int"),
        (None, {"deadline_ms": 0}, "deadline_ms must be > 0"),
        (None, {"on_error": "ignore"}, "on_error must be one of"),
    ],
)
def test_what_cannot_work_is_refused_at_once(optimizer: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        RewriteStep(optimizer, **options)


def test_copies_share_the_optimizer_and_pickles_rebuild_it() -> None:
    fake = FakeOptimizer()
    step = RewriteStep(fake, rewrite="always")
    assert copy.deepcopy(step).optimizer is fake
    assert pickle.loads(pickle.dumps(step)).result(ASK).text == REWRITE


def test_facts_are_json_without_text() -> None:
    import json

    written = json.dumps(facts(FakeOptimizer().optimize(ASK)))
    assert "rewritten" in written
    assert "tea" not in written


def test_a_failure_to_load_stands_for_a_while_and_is_then_tried_again() -> None:
    tries = []

    def load(name: str | None) -> str:
        tries.append(name)
        if len(tries) == 1:
            raise ModelLoadError("no network")
        return f"loaded {name}"

    once = LoadOnce(load, retry_after_s=0.2)
    for _ in range(3):
        with pytest.raises(ModelLoadError, match="no network"):
            once("a")
    assert tries == ["a"]
    time.sleep(0.25)
    assert once("a") == once("a") == "loaded a"
    assert tries == ["a", "a"]
