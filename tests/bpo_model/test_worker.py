"""The queue in front of an engine: batching, sharing, isolation, cancellation, forks, exit."""

import asyncio
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from bpo_model.engines.base import CANCELLED, Candidate, Generated, Request, never
from bpo_model.engines.worker import Worker
from bpo_model.errors import GenerationError
from bpo_model.template import RenderedPrompt

WAIT = 10.0


def request(text: str, **sampling: float) -> Request:
    return Request(RenderedPrompt("", text, ""), 8, **sampling)  # type: ignore[arg-type]


class Gated:
    """An engine whose calls wait until they are let go; records every call."""

    name = "gated"

    def __init__(self, *, is_open: bool = False, slots: int = 1, batch: int = 64) -> None:
        self.slots, self.batch = slots, batch
        self.go, self.started = threading.Event(), threading.Event()
        self.calls: list[list[str]] = []
        self.running = self.most = 0
        self.lock = threading.Lock()
        if is_open:
            self.go.set()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        with self.lock:
            self.calls.append([item.prompt.text for item in requests])
            self.running += 1
            self.most = max(self.most, self.running)
        self.started.set()
        end = time.monotonic() + WAIT
        while not self.go.wait(0.002) and not cancelled() and time.monotonic() < end:
            pass
        with self.lock:
            self.running -= 1
        return [CANCELLED if cancelled() else self.answer(item) for item in requests]

    def answer(self, item: Request) -> Generated:
        if item.prompt.text == "bad":
            return GenerationError("this one failed")
        return Candidate(item.prompt.text.upper(), 1, 1)


def text(generated: Generated) -> str:
    assert isinstance(generated, Candidate), generated
    return generated.text


def test_a_lone_request_does_not_wait_for_others() -> None:
    engine = Gated(is_open=True)
    (future,) = Worker(lambda: engine).submit([request("a")])
    assert text(future.result(WAIT)) == "A"
    assert engine.calls == [["a"]]


def test_requests_that_come_while_the_engine_is_busy_go_out_together() -> None:
    engine = Gated()
    worker = Worker(lambda: engine)
    futures = worker.submit([request("first")])
    assert engine.started.wait(WAIT)
    for number in range(20):
        futures += worker.submit([request(str(number))])
    engine.go.set()
    assert [text(future.result(WAIT)) for future in futures] == ["FIRST", *map(str, range(20))]
    assert engine.calls == [["first"], [str(number) for number in range(20)]]


def test_a_call_is_never_larger_than_the_engines_batch() -> None:
    engine = Gated(is_open=True, batch=3)
    futures = Worker(lambda: engine).submit([request(str(number)) for number in range(10)])
    assert [text(future.result(WAIT)) for future in futures] == [str(number) for number in range(10)]
    assert [len(call) for call in engine.calls] == [3, 3, 3, 1]


def test_an_engine_with_slots_gets_so_many_calls_at_once_and_no_more() -> None:
    engine = Gated(slots=3, batch=1)
    worker = Worker(lambda: engine)
    futures = worker.submit([request(str(number)) for number in range(9)])
    end = time.monotonic() + WAIT
    while engine.running < 3 and time.monotonic() < end:
        time.sleep(0.005)
    engine.go.set()
    assert [text(future.result(WAIT)) for future in futures] == [str(number) for number in range(9)]
    assert engine.most == 3


def test_equal_requests_are_generated_once_and_unequal_parameters_apart() -> None:
    engine = Gated()
    worker = Worker(lambda: engine)
    first = worker.submit([request("x")])
    assert engine.started.wait(WAIT)
    rest = worker.submit([request("x"), request("y"), request("y"), request("y", seed=1)])
    engine.go.set()
    assert [text(future.result(WAIT)) for future in first + rest] == ["X", "X", "Y", "Y", "Y"]
    assert engine.calls == [["x"], ["y", "y"]]


def test_one_bad_item_spares_its_neighbours() -> None:
    engine = Gated(is_open=True)
    good, bad, other = Worker(lambda: engine).submit([request("a"), request("bad"), request("b")])
    assert (text(good.result(WAIT)), text(other.result(WAIT))) == ("A", "B")
    assert isinstance(bad.result(WAIT), GenerationError)


class Raising(Gated):
    """Fails the first time."""

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        if not self.calls:
            self.calls.append([])
            raise MemoryError("no memory")
        return super().generate(requests, cancelled)


def test_an_engine_that_raises_fails_its_batch_and_the_worker_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(lambda: Raising(is_open=True))
    (first,) = worker.submit([request("a")])
    assert "MemoryError: no memory" in str(first.result(WAIT))
    (second,) = worker.submit([request("b")])
    assert text(second.result(WAIT)) == "B"
    assert "the engine failed" in caplog.text


class Miscounting(Gated):
    """Loses a result."""

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        return super().generate(requests, cancelled)[1:]


def test_results_that_cannot_be_matched_are_given_to_nobody() -> None:
    futures = Worker(lambda: Miscounting(is_open=True)).submit([request("a"), request("b")])
    assert all("1 results for 2 requests" in str(future.result(WAIT)) for future in futures)


def test_a_request_nobody_waits_for_never_reaches_the_engine() -> None:
    engine = Gated()
    worker = Worker(lambda: engine)
    (first,) = worker.submit([request("first")])
    assert engine.started.wait(WAIT)
    dropped, kept = worker.submit([request("dropped"), request("kept")])
    assert dropped.cancel()
    engine.go.set()
    assert (text(first.result(WAIT)), text(kept.result(WAIT))) == ("FIRST", "KEPT")
    assert engine.calls == [["first"], ["kept"]]


def test_a_running_request_stops_only_when_all_who_wait_have_left() -> None:
    engine = Gated()
    worker = Worker(lambda: engine)
    (mine,) = worker.submit([request("x")])
    assert engine.started.wait(WAIT)
    (yours,) = worker.submit([request("x")])
    assert mine.cancel()
    time.sleep(0.02)
    assert engine.running == 1
    assert yours.cancel()
    (again,) = worker.submit([request("x")])
    engine.go.set()
    assert text(again.result(WAIT)) == "X"
    assert engine.calls == [["x"], ["x"]]


def test_a_load_that_fails_is_each_requests_result_and_is_tried_again() -> None:
    attempts = []

    def load() -> Gated:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("the disk is away")
        return Gated(is_open=True)

    worker = Worker(load)
    (first,) = worker.submit([request("a")])
    assert "the disk is away" in str(first.result(WAIT))
    (second,) = worker.submit([request("a")])
    assert text(second.result(WAIT)) == "A"


def test_a_closed_worker_cancels_what_waits_and_refuses_more() -> None:
    engine = Gated()
    worker = Worker(lambda: engine)
    futures = worker.submit([request("a")])
    assert engine.started.wait(WAIT)
    futures += worker.submit([request("b")])
    worker.close()
    assert all(future.cancelled() for future in futures)
    with pytest.raises(GenerationError, match="closed"):
        worker.submit([request("c")])


async def test_futures_can_be_awaited_from_any_event_loop() -> None:
    engine = Gated(is_open=True)
    worker = Worker(lambda: engine)

    def in_another_loop() -> str:
        async def ask() -> str:
            return text(await asyncio.wrap_future(worker.submit([request("other")])[0]))

        return asyncio.run(ask())

    mine = await asyncio.wrap_future(worker.submit([request("mine")])[0])
    assert [text(mine), await asyncio.to_thread(in_another_loop)] == ["MINE", "OTHER"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_its_own_threads() -> None:
    code = """
import os, sys
from tests.bpo_model.test_worker import Gated, Worker, request
made = []
def load():
    made.append(os.getpid())
    return Gated(is_open=True)
worker = Worker(load)
assert worker.submit([request("parent")])[0].result(10).text == "PARENT"
child = os.fork()
if child == 0:
    text = worker.submit([request("child")])[0].result(10).text
    os._exit(0 if text == "CHILD" and made[1] == os.getpid() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert worker.submit([request("again")])[0].result(10).text == "AGAIN"
assert len(made) == 1
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_exits_while_the_engine_works() -> None:
    code = """
from tests.bpo_model.test_worker import Gated, Worker, request
engine = Gated()
worker = Worker(lambda: engine)
worker.submit([request("never done")])
engine.started.wait(10)
print("leaving")
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "leaving\n", "")
    assert time.monotonic() - started < WAIT


def test_requests_are_plain_data() -> None:
    assert pickle.loads(pickle.dumps(request("x"))) == request("x")
