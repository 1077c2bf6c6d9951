"""Whatever an engine does: every original goes out, in time, with the reason, and the next call is served."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bpo_integrations.step import RewriteStep
from bpo_model import OptimizedPrompt, Prompt, PromptOptimizer, Reason
from bpo_model.engines.base import Candidate, Request
from bpo_model.errors import GenerationError
from tests.faults.harness import (
    DEADLINE_MS,
    LONG,
    Fault,
    FaultySettings,
    Hang,
    Stopwatch,
    assert_served,
    assert_untouched,
    good,
    only_for,
    ours,
    rewritten,
)

PROMPTS: list[Prompt] = [
    "  tell me about whales\r\n",
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "explain how whales sleep"}],
    "Summarize this e-mail about whales.\n\nHi Jo,\t\nthe pump broke.\n\n",
    [{"role": "user", "content": [{"type": "text", "text": "give me ideas for a film about whales"}]}],
]
"""Text and conversations, with a context and white space that nobody may touch."""


def raising(error: BaseException) -> Fault:
    def fault(requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        raise error

    return fault


def each(make: Callable[[str], Any]) -> Fault:
    """The same mistake for every request."""
    return lambda requests, _: [make(request.prompt.text) for request in requests]


def writing(make: Callable[[str], Any], **more: Any) -> Fault:
    """A candidate of which only the text is wrong."""
    return each(lambda text: Candidate(make(text), 1, 1, **more))


def exhausted(requests: Sequence[Request], _: Callable[[], bool]) -> Any:
    """A real MemoryError, not one that we raise."""
    return bytearray(1 << 62)


def endless(requests: Sequence[Request], _: Callable[[], bool]) -> Any:
    """An answer to nobody, again and again, without end."""
    while True:
        yield Candidate("Describe tea.", 1, 1)


NOISE = random.Random(7).randbytes(600).decode("latin-1")
WHOLE: dict[str, tuple[Fault, str]] = {
    "RuntimeError": (raising(RuntimeError("lost the GPU")), "RuntimeError: lost the GPU"),
    "GenerationError": (raising(GenerationError("the model is gone")), "the model is gone"),
    "OSError": (raising(OSError(28, "No space left on device")), "No space left"),
    "MemoryError": (exhausted, "MemoryError"),
    "RecursionError": (raising(RecursionError("too deep")), "too deep"),
    "StopIteration": (raising(StopIteration("x")), "StopIteration"),
    "TimeoutError": (raising(TimeoutError("slow")), "slow"),
    "KeyboardInterrupt in a thread": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "SystemExit": (raising(SystemExit(3)), "SystemExit"),
    "asyncio's CancelledError": (raising(asyncio.CancelledError()), "CancelledError"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "None": (lambda *_: None, "NoneType"),
    "a number": (lambda *_: 7, "int"),
    "no answers": (lambda *_: [], "0 results for"),
    "one too few": (lambda requests, _: good(requests)[1:], "results for"),
    "one too many": (lambda requests, _: [*good(requests), *good(requests)[:1]], "too many results for"),
    "answers without end": (endless, "too many results for"),
    "a coroutine's worth of text": (lambda requests, _: "x" * len(requests), "str where a Candidate belongs"),
    "a dict": (lambda requests, _: dict(enumerate(good(requests))), "int where a Candidate belongs"),
}
"""Faults of a whole call: what it does, what `detail` says."""
SINGLE: dict[str, tuple[Fault, Reason, str]] = {
    "None in its place": (each(lambda _: None), Reason.ERROR, "NoneType where a Candidate belongs"),
    "bare text": (each(rewritten), Reason.ERROR, "str where a Candidate belongs"),
    "another exception": (each(lambda _: ValueError("odd")), Reason.ERROR, "ValueError where a Candidate"),
    "a class": (each(lambda _: Candidate), Reason.ERROR, "type where a Candidate belongs"),
    "an error value": (each(lambda _: GenerationError("no room")), Reason.ERROR, "no room"),
    "no text": (writing(lambda _: None), Reason.ERROR, "text is NoneType"),
    "bytes": (writing(str.encode), Reason.ERROR, "text is bytes"),
    "lists of text": (writing(list), Reason.ERROR, "text is list"),
    "counts that are none": (each(lambda text: Candidate(rewritten(text), None, None)), Reason.ERROR, "TypeError"),  # type: ignore[arg-type]
    "empty": (writing(lambda _: ""), Reason.REJECTED, "within_length"),
    "blank": (writing(lambda _: " \r\n\t" * 9), Reason.REJECTED, "within_length"),
    "a thousand times as long": (writing(lambda text: f"{text} " * 1000), Reason.REJECTED, "within_length"),
    "one long word": (writing(lambda _: "a" * 2000), Reason.REJECTED, "content_kept"),
    "noise": (writing(lambda _: NOISE), Reason.REJECTED, "no_control_characters"),
    "halves of characters": (writing(lambda text: f"{text} \ud800"), Reason.REJECTED, "no_control_characters"),
    "template tokens": (writing(lambda text: f"{text}<|im_end|>"), Reason.REJECTED, "no_template_text"),
    "an answer": (writing(lambda _: "Sure! Whales sleep with one eye open."), Reason.REJECTED, "no_answer"),
    "cut off": (writing(rewritten, finish="length"), Reason.REJECTED, "finished"),
    "stopped by nobody": (writing(rewritten, finish="cancelled"), Reason.REJECTED, "finished"),
    "an unknown end": (writing(rewritten, finish="exploded"), Reason.REJECTED, "finished"),
}
"""Faults of one answer: what it is, the reason, what `detail` says."""
Route = Callable[[PromptOptimizer, list[Prompt]], list[OptimizedPrompt]]


def adapter(optimizer: PromptOptimizer, prompts: list[Prompt]) -> list[OptimizedPrompt]:
    return RewriteStep(optimizer, deadline_ms=1000 * LONG).results(prompts)


ROUTES: dict[str, Route] = {
    "one by one": lambda optimizer, prompts: [optimizer.optimize(prompt) for prompt in prompts],
    "batch": lambda optimizer, prompts: optimizer.optimize_batch(prompts),
    "batch with a deadline": lambda optimizer, prompts: optimizer.optimize_batch(prompts, deadline_ms=1000 * LONG),
    "async": lambda optimizer, prompts: asyncio.run(optimizer.aoptimize_batch(prompts)),
    "adapter": adapter,
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize(("fault", "detail"), WHOLE.values(), ids=WHOLE)
def test_a_call_that_fails_costs_its_rewrites_and_the_next_is_served(
    fault: Fault, detail: str, route: Route, faulty: Any
) -> None:
    optimizer = faulty(only_for("whales", fault))
    results = route(optimizer, PROMPTS)
    assert_untouched(PROMPTS, results, Reason.ERROR)
    assert all(detail in result.detail for result in results), results[0].detail
    assert_served(optimizer)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize(("fault", "reason", "detail"), SINGLE.values(), ids=SINGLE)
def test_an_answer_that_is_wrong_is_not_sent_and_the_next_call_is_served(
    fault: Fault, reason: Reason, detail: str, route: Route, faulty: Any
) -> None:
    optimizer = faulty(only_for("whales", fault))
    results = route(optimizer, PROMPTS)
    assert_untouched(PROMPTS, results, reason)
    assert all(detail in result.detail for result in results), results[0].detail
    assert_served(optimizer)


@pytest.mark.parametrize(("fault", "reason", "detail"), SINGLE.values(), ids=SINGLE)
def test_an_answer_that_is_wrong_spares_its_neighbours_in_the_same_call(
    fault: Fault, reason: Reason, detail: str, faulty: Any
) -> None:
    def mixed(requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        return [only_for("whales", fault)([request], cancelled)[0] for request in requests]

    prompts: list[Prompt] = ["tell me about tea", "explain how whales sleep", "give me ideas for a rainy day"]
    results = faulty(mixed).optimize_batch(prompts)
    assert_untouched(prompts[1:2], results[1:2], reason)
    assert [str(result) for result in results[::2]] == [rewritten(str(prompt)) for prompt in prompts[::2]]


@pytest.mark.parametrize(("fault", "detail"), WHOLE.values(), ids=WHOLE)
def test_a_call_that_fails_spares_the_prompts_in_other_calls(fault: Fault, detail: str, faulty: Any) -> None:
    prompts = [f"tell me about {word}" for word in ("tea", "whales", "rice", "whales and ships", "wool")]
    results = faulty(only_for("whales", fault), batch=1).optimize_batch(prompts, deadline_ms=1000 * LONG)
    assert_untouched(prompts[1::2], results[1::2], Reason.ERROR)
    assert [result.text for result in results[::2]] == [rewritten(prompt) for prompt in prompts[::2]]


@pytest.mark.parametrize("name", SINGLE.keys() - {"counts that are none"})  # the cache holds no counts
def test_with_a_cache_in_front_it_is_the_same(name: str, faulty: Any) -> None:
    fault, reason, _ = SINGLE[name]
    optimizer = faulty(FaultySettings(name, only_for("whales", fault)))
    for _ in range(2):  # the second time, what was kept of it comes from the cache
        assert_untouched(PROMPTS, optimizer.optimize_batch(PROMPTS, deadline_ms=1000 * LONG), reason)
    assert_served(optimizer)


@pytest.mark.parametrize("route", ["sync", "async", "adapter"])
def test_an_engine_that_hangs_costs_the_deadline_and_no_more(route: str, faulty: Any, hang: Hang) -> None:
    optimizer = faulty(only_for("whales", hang))
    with Stopwatch():
        if route == "sync":
            results = optimizer.optimize_batch(PROMPTS, deadline_ms=DEADLINE_MS)
        elif route == "async":
            results = asyncio.run(optimizer.aoptimize_batch(PROMPTS, deadline_ms=DEADLINE_MS))
        else:
            results = RewriteStep(optimizer, deadline_ms=DEADLINE_MS).results(PROMPTS)
    assert_untouched(PROMPTS, results, Reason.DEADLINE)
    assert not hang.go.is_set()
    hang.go.set()
    assert_served(optimizer)


def test_calls_that_are_given_up_behind_a_hanging_one_leave_nothing_behind(faulty: Any, hang: Hang) -> None:
    before = ours()
    optimizer = faulty(only_for("whales", hang))
    first = threading.Thread(target=optimizer.optimize, args=("tell me about whales",))
    first.start()
    assert hang.started.wait(LONG)
    for number in range(50):
        result = optimizer.optimize(f"tell me about the number {number}", deadline_ms=1)
        assert_untouched([result.original], [result], Reason.DEADLINE)
    hang.go.set()
    first.join(LONG)
    assert_served(optimizer)
    assert optimizer._worker._open == {}, "prompts nobody waits for are kept in memory"
    assert {thread.name for thread in ours() - before} <= {"bpo-worker"}
