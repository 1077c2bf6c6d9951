"""Many callers, one model: threads, event loops, forks, copies, deadlines."""

import asyncio
import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from bpo_model import LlamaCpp, PromptOptimizer, Reason
from bpo_model.call import Call
from bpo_model.engines.base import CANCELLED, Candidate, Generated, Request, never
from bpo_model.errors import GenerationError
from bpo_model.testing import FakeEngine, FakeOptimizer, add_please

WAIT = 10.0


class SlowEngine(FakeEngine):
    """Takes its time, and stops when asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.stopped = seconds, threading.Event()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            if cancelled():
                self.stopped.set()
                return [CANCELLED] * len(requests)
            time.sleep(0.001)
        return super().generate(requests, cancelled)


def slow(seconds: float) -> tuple[PromptOptimizer, SlowEngine]:
    engine = SlowEngine(seconds)
    return PromptOptimizer.from_pretrained(engine=engine, rewrite="always"), engine


async def test_64_concurrent_calls_are_few_engine_calls() -> None:
    optimizer, engine = slow(0.05)
    prompts = [f"tell me about river number {number}" for number in range(64)]
    results = await asyncio.gather(*(optimizer.aoptimize(prompt) for prompt in prompts))
    assert [result.text for result in results] == [add_please(prompt) for prompt in prompts]
    assert len(engine.calls) <= 8


async def test_equal_prompts_at_the_same_time_are_generated_once() -> None:
    optimizer, engine = slow(0.05)
    results = await asyncio.gather(*(optimizer.aoptimize("tell me about tea") for _ in range(10)))
    assert {result.text for result in results} == {add_please("tell me about tea")}
    assert sum(len(call) for call in engine.calls) == 1


async def test_the_event_loop_goes_on_while_the_model_works() -> None:
    optimizer, _ = slow(0.3)
    task = asyncio.create_task(optimizer.aoptimize("tell me about tea"))
    beats = 0
    while not task.done():
        await asyncio.sleep(0.005)
        beats += 1
    assert (await task).changed
    assert beats > 10


async def test_cancelling_a_task_stops_the_model() -> None:
    optimizer, engine = slow(WAIT)
    task = asyncio.create_task(optimizer.aoptimize("tell me about tea"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(engine.stopped.wait, WAIT)


def test_the_deadline_stops_the_model() -> None:
    optimizer, engine = slow(WAIT)
    assert optimizer.optimize("tell me about tea", deadline_ms=30).reason is Reason.DEADLINE
    assert engine.stopped.wait(WAIT)


async def test_the_deadline_holds_when_more_calls_wait_than_there_are_threads() -> None:
    optimizer, _ = slow(1.0)
    calls = [optimizer.aoptimize(f"tell me about river {number}", deadline_ms=100) for number in range(300)]
    results = await asyncio.gather(*calls)
    assert {result.reason for result in results} == {Reason.DEADLINE}
    assert max(result.latency_ms for result in results) < 900  # the model alone needs 1000


class Stubborn(FakeEngine):
    """Rewrites all but one prompt at once."""

    batch = 1

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        if "whales" in requests[0].prompt.text:
            self.go.wait(WAIT)
        return super().generate(requests, cancelled)


def test_what_is_verified_before_the_deadline_is_kept() -> None:
    engine = Stubborn()
    optimizer = PromptOptimizer.from_pretrained(engine=engine, rewrite="always")
    prompts = ["tell me about tea", "tell me about whales", "tell me about rice"]
    results = optimizer.optimize_batch(prompts, deadline_ms=300)
    engine.go.set()
    assert [result.reason for result in results] == [Reason.REWRITTEN, Reason.DEADLINE, Reason.DEADLINE]
    assert results[1].text == prompts[1]


def test_a_defect_of_ours_costs_one_prompt_and_not_its_neighbours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Call._reason_to_skip

    def broken(self: Call, text: str, *rest: object) -> Reason | None:
        if "whales" in text:
            raise ZeroDivisionError("a defect")
        return gate(self, text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Call, "_reason_to_skip", broken)
    results = FakeOptimizer().optimize_batch(["tell me about tea", "tell me about whales"])
    assert [result.reason for result in results] == [Reason.REWRITTEN, Reason.ERROR]
    assert results[1].text == "tell me about whales"
    assert "ZeroDivisionError" in caplog.text


def test_an_optimizer_whose_model_was_closed_passes_prompts_through() -> None:
    optimizer = FakeOptimizer()
    optimizer._worker.close()
    result = optimizer.optimize("tell me about tea")
    assert (result.reason, result.text) == (Reason.ERROR, "tell me about tea")
    with pytest.raises(GenerationError, match="closed"):
        optimizer.optimize("tell me about tea", on_error="raise")


def test_a_thousand_optimizers_share_one_model(optimizer: PromptOptimizer) -> None:
    others = [PromptOptimizer.from_pretrained(iterations=1 + number % 3) for number in range(1000)]
    assert all(other.engine is optimizer.engine for other in others)


def test_other_settings_are_another_engine(optimizer: PromptOptimizer) -> None:
    other = PromptOptimizer.from_pretrained(engine=LlamaCpp(threads=1))
    assert other.engine is not optimizer.engine
    assert PromptOptimizer.from_pretrained(engine=LlamaCpp(threads=1)).engine is other.engine


def test_copies_and_pickles_hold_the_specification(optimizer: PromptOptimizer) -> None:
    data = pickle.dumps(optimizer)
    assert len(data) < 4000
    copied = pickle.loads(data)
    assert copied.engine is optimizer.engine
    assert copied.options == optimizer.options
    assert copied.checkpoint == optimizer.checkpoint
    assert copy.deepcopy(optimizer) is optimizer


def test_a_fake_optimizer_can_be_pickled() -> None:
    copied = pickle.loads(pickle.dumps(FakeOptimizer(add_please)))
    assert copied.optimize("tell me about tea").text == add_please("tell me about tea")


def test_a_pickle_works_in_another_process(optimizer: PromptOptimizer) -> None:
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).optimize('explain how a kite flies').text)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(optimizer), capture_output=True, timeout=60, check=True
    )
    assert done.stdout.decode().strip() == optimizer.optimize("explain how a kite flies").text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_rewrites_with_the_real_model() -> None:
    code = """
import os
from bpo_model import PromptOptimizer
optimizer = PromptOptimizer.from_pretrained(cache="off")
mine = optimizer.optimize("explain how a kite flies").text
child = os.fork()
if child == 0:
    result = optimizer.optimize("explain how a kite flies", deadline_ms=30000)
    os._exit(0 if result.text == mine and result.tokens.completion else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert optimizer.optimize("explain how a kite flies").text == mine
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_alone_and_under_load_the_model_writes_the_same(optimizer: PromptOptimizer) -> None:
    prompts = [
        "tell me about the moon",
        "how do i bake bread at home",
        "write a short poem about autumn",
        "what is a black hole",
        "explain the rules of chess to a child",
        "give me tips for a job interview",
        "why is the sky blue",
        "describe a day in ancient rome",
    ]
    plain = PromptOptimizer.from_pretrained(cache="off")
    alone = [plain.optimize(prompt).text for prompt in prompts]
    together = await asyncio.gather(*(plain.aoptimize(prompt) for prompt in prompts))
    assert [result.text for result in together] == alone
    assert [result.text for result in plain.optimize_batch(prompts[::-1])] == alone[::-1]
    assert isinstance(plain.engine.generate([], never), list)


def test_candidates_are_plain_data() -> None:
    assert pickle.loads(pickle.dumps(Candidate("x", 1, 2))) == Candidate("x", 1, 2)
