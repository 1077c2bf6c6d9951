"""`acall` and streams: the event loop never waits for the optimizer, and DSPy's context is everywhere."""

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("dspy")

import dspy

from bpo_integrations.dspy import BPO, BPORewrite, bpo_adapter
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."
STALL = 0.2  # seconds; what must not block takes twice as long


class Marked(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """Says what DSPy's settings are where it runs; has no aforward."""

    def forward(self, question: str) -> Any:
        time.sleep(2 * STALL)
        return dspy.Prediction(answer=question, marker=dspy.settings.get("marker"))


class AsyncOnly(dspy.Module):  # type: ignore[misc]
    """Has no forward."""

    async def aforward(self, question: str) -> Any:
        return dspy.Prediction(answer=question)


async def longest_stall(work: Any) -> float:
    """Seconds for which the event loop did not run while `work` did."""
    stalls = [0.0]

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            stalls.append(time.perf_counter() - before)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    await work
    await asyncio.sleep(0.01)
    ticking.cancel()
    return max(stalls)


async def test_acall_rewrites(fake: FakeOptimizer, lm: Any) -> None:
    assert (await BPORewrite(fake).acall(prompt=ASK)).optimized_prompt == REWRITE
    assert (
        await BPO(dspy.Predict("question -> answer"), fake, fields="question").acall(question=ASK)
    ).answer == REWRITE


async def test_the_loop_runs_while_the_optimizer_works(slow: FakeOptimizer, lm: Any) -> None:
    bpo = BPO(dspy.Predict("question -> answer"), slow, fields="question")
    assert await longest_stall(bpo.acall(question=ASK)) < STALL
    with dspy.context(adapter=bpo_adapter(slow, "question")):
        predict = dspy.Predict("question -> answer")
        assert await longest_stall(predict.acall(question="tell me about coffee")) < STALL


async def test_a_program_without_aforward_runs_in_a_thread_with_the_settings(fake: FakeOptimizer) -> None:
    bpo = BPO(Marked(), fake, fields="question")
    with dspy.context(marker=1):
        calls = asyncio.gather(*(bpo.acall(question=ASK) for _ in range(4)))
        assert await longest_stall(calls) < STALL
        outs = await calls
    assert [(out.answer, out.marker) for out in outs] == [(REWRITE, 1)] * 4


def test_the_settings_reach_the_threads_of_a_batch(fake: FakeOptimizer) -> None:
    examples = [dspy.Example(question=ASK).with_inputs("question")] * 3
    with dspy.context(marker=1):
        outs = BPO(Marked(), fake, fields="question").batch(examples, num_threads=3, disable_progress_bar=True)
    assert [out.marker for out in outs] == [1] * 3


async def test_a_program_without_forward_is_awaited(fake: FakeOptimizer) -> None:
    assert (await BPO(AsyncOnly(), fake, fields="question").acall(question=ASK)).answer == REWRITE


async def test_two_hundred_calls_at_once_are_each_their_own(fake: FakeOptimizer, lm: Any) -> None:
    bpo = BPO(dspy.Predict("question -> answer"), fake, fields="question")
    outs = await asyncio.gather(*(bpo.acall(question=f"tell me about {n}") for n in range(200)))
    assert [out.answer for out in outs] == [f"tell me about {n} Please explain your answer." for n in range(200)]


async def test_tokens_are_reported_in_acall(fake: FakeOptimizer, lm: Any) -> None:
    with dspy.context(track_usage=True):
        out = await BPO(dspy.Predict("question -> answer"), fake, fields="question").acall(question=ASK)
    assert set(out.get_lm_usage()) == {"bpo/bpo-smollm2-135m", "test/echo"}


async def test_cancelling_a_call_ends_it(slow: FakeOptimizer, lm: Any, echo: Any) -> None:
    task = asyncio.create_task(BPO(dspy.Predict("question -> answer"), slow, fields="question").acall(question=ASK))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert echo.prompts == []


async def streamed(program: Any, **inputs: Any) -> tuple[list[str], Any]:
    """The pieces of the answer, and the prediction."""
    pieces, prediction = [], None
    async for value in program(**inputs):
        if isinstance(value, dspy.streaming.StreamResponse):
            pieces.append(value.chunk)
        elif isinstance(value, dspy.Prediction):
            prediction = value
    return pieces, prediction


def streaming(program: Any, **options: Any) -> Any:
    """The program with its answer streamed."""
    listeners = [dspy.streaming.StreamListener(signature_field_name="answer")]
    return dspy.streamify(program, stream_listeners=listeners, **options)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_wrapped_program_streams_like_the_bare_one(is_async: bool, fake: FakeOptimizer, lm: Any) -> None:
    bare = dspy.Predict("question -> answer")
    expected, _ = await streamed(streaming(bare), question=REWRITE)
    wrapped = BPO(bare, fake, fields="question")
    pieces, out = await streamed(streaming(wrapped, is_async_program=is_async), question=ASK)
    assert (pieces, out.answer) == (expected, REWRITE)
    assert len(pieces) > 3


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_adapter_streams_like_its_base(is_async: bool, fake: FakeOptimizer, lm: Any) -> None:
    bare = dspy.Predict("question -> answer")
    expected, _ = await streamed(streaming(bare), question=REWRITE)
    with dspy.context(adapter=bpo_adapter(fake, "question")):
        pieces, out = await streamed(streaming(bare, is_async_program=is_async), question=ASK)
    assert (pieces, out.answer) == (expected, REWRITE)


async def test_a_status_can_be_shown_while_rewriting(fake: FakeOptimizer, lm: Any) -> None:
    class Status(dspy.streaming.StatusMessageProvider):  # type: ignore[misc]
        def module_start_status_message(self, instance: Any, inputs: Any) -> str | None:
            return "Optimizing the prompt" if isinstance(instance, BPORewrite) else None

    program = dspy.streamify(
        BPO(dspy.Predict("question -> answer"), fake, fields="question"), status_message_provider=Status()
    )
    messages = [
        value.message async for value in program(question=ASK) if isinstance(value, dspy.streaming.StatusMessage)
    ]
    assert messages == ["Optimizing the prompt"]
