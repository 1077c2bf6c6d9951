"""Clocks that jump, threads that cannot start, memory that runs out, and Ctrl-C."""

import ast
import asyncio
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import bpo_integrations
import bpo_model
from bpo_integrations.step import RewriteStep
from bpo_model import background
from bpo_model.cache import MEMORY
from bpo_model.disk_store import DiskStore
from bpo_model.engines.base import CANCELLED, Request
from bpo_model.schema import OptimizedPrompt, Reason
from tests.faults.harness import (
    DEADLINE_MS,
    LONG,
    FaultySettings,
    Hang,
    Stopwatch,
    assert_served,
    assert_untouched,
    good,
    only_for,
    rewritten,
)

WHALES = "tell me about whales"


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that somebody sets back and forth by days, with every look."""
    real, jumps = time.time, itertools.cycle([0.0, -1e6, 1e6, -86_400.0, 3e7])
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))


def test_deadlines_hold_although_the_wall_clock_jumps(jumping: None, faulty: Any, hang: Hang) -> None:
    optimizer = faulty(only_for("whales", hang))
    with Stopwatch():
        assert_untouched([WHALES], [optimizer.optimize(WHALES, deadline_ms=DEADLINE_MS)], Reason.DEADLINE)
    with Stopwatch():
        result = asyncio.run(optimizer.aoptimize(WHALES, deadline_ms=DEADLINE_MS))
        assert_untouched([WHALES], [result], Reason.DEADLINE)
    with Stopwatch():
        assert_untouched([WHALES], [RewriteStep(optimizer, deadline_ms=DEADLINE_MS).result(WHALES)], Reason.DEADLINE)
    hang.go.set()
    assert_served(optimizer)


def test_no_deadline_is_cut_short_by_a_jump(jumping: None, faulty: Any) -> None:
    def slowly(requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        time.sleep(0.1)
        return good(requests)

    result = faulty(slowly).optimize(WHALES, deadline_ms=1000 * LONG)
    assert (result.text, 50 < result.latency_ms < 1000 * LONG) == (rewritten(WHALES), True)


def test_the_cache_file_keeps_its_entries_although_the_wall_clock_jumps(jumping: None, tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "c.sqlite3")
    for number in range(20):
        store.write(bytes([number]), str(number), "stop")
    assert [store.read(bytes([number])) for number in range(20)] == [(str(number), "stop") for number in range(20)]


def test_nothing_that_waits_looks_at_the_wall_clock() -> None:
    core, adapters = (Path(str(package.__file__)).parent for package in (bpo_model, bpo_integrations))
    waiting = [core / f"{name}.py" for name in ("background", "call", "generations", "job", "optimizer", "rewriting")]
    for file in [*waiting, *(core / "engines").glob("*.py"), adapters / "step.py", adapters / "loading.py"]:
        looks = {ast.unparse(node) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))}
        assert looks & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow"} == set(), file.name


class NoThreads:
    """`Thread.start` as on a system that has no thread left, for the package's own threads, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: float) -> None:
        self.left, real = times, threading.Thread.start

        def start(thread: threading.Thread) -> None:
            if thread.name.startswith("bpo") and self.left > 0:
                self.left -= 1
                raise RuntimeError("can't start new thread")
            real(thread)

        monkeypatch.setattr(threading.Thread, "start", start)


ROUTES: dict[str, Callable[[Any], OptimizedPrompt]] = {
    "sync": lambda optimizer: optimizer.optimize(WHALES),
    "sync with a deadline": lambda optimizer: optimizer.optimize(WHALES, deadline_ms=1000 * LONG),
    "async": lambda optimizer: asyncio.run(optimizer.aoptimize(WHALES)),
    "adapter with a deadline": lambda optimizer: RewriteStep(optimizer, deadline_ms=1000 * LONG).result(WHALES),
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_without_a_thread_the_original_goes_out_and_later_all_is_well(
    route: Callable[[Any], OptimizedPrompt], faulty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = faulty()
    background._background.reset()  # a pool without threads, as at the start of a process
    scarce = NoThreads(monkeypatch, times=1)
    result = route(optimizer)
    assert_untouched([WHALES], [result], Reason.ERROR)
    assert "can't start new thread" in result.detail
    assert scarce.left == 0
    assert route(optimizer).text == rewritten(WHALES)
    assert_served(optimizer)


def test_where_one_thread_runs_it_does_the_work_of_those_that_cannot_start(
    faulty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = faulty(batch=1, slots=4)
    assert_served(optimizer, "sea")
    NoThreads(monkeypatch, times=float("inf"))
    prompts = [f"tell me about the number {number}" for number in range(40)]
    results = optimizer.optimize_batch(prompts)
    assert [result.text for result in results] == [rewritten(prompt) for prompt in prompts]


def test_a_cache_that_fails_costs_nobody_the_answer(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(MEMORY, "write", full)
    result = faulty(FaultySettings("full")).optimize(WHALES, deadline_ms=1000 * LONG)
    assert result.text == rewritten(WHALES)


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Ctrl-C in the main thread, a moment from now."""

    def ring(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.1) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


INTERRUPTED: dict[str, Callable[[Any], object]] = {
    "one": lambda optimizer: optimizer.optimize(WHALES),
    "batch": lambda optimizer: optimizer.optimize_batch([WHALES, "explain how whales sleep"]),
    "deadline": lambda optimizer: optimizer.optimize(WHALES, deadline_ms=1000 * LONG),
    "async": lambda optimizer: asyncio.run(optimizer.aoptimize(WHALES)),
}


@pytest.mark.parametrize("route", INTERRUPTED.values(), ids=INTERRUPTED)
def test_ctrl_c_ends_the_call_and_stops_the_model(
    route: Callable[[Any], object], faulty: Any, interrupt: Callable[[], None]
) -> None:
    stopped = threading.Event()

    def until_cancelled(requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        end = time.monotonic() + LONG
        while not cancelled() and time.monotonic() < end:
            time.sleep(0.002)
        stopped.set()
        return [CANCELLED] * len(requests)

    optimizer = faulty(only_for("whales", until_cancelled))
    interrupt()
    with Stopwatch(), pytest.raises(KeyboardInterrupt):
        route(optimizer)
    assert stopped.wait(LONG / 3)
    assert_served(optimizer)


async def test_one_call_that_is_cancelled_leaves_its_neighbours(faulty: Any, hang: Hang) -> None:
    optimizer = faulty(only_for("whales", hang), batch=1, slots=2)
    lost = asyncio.create_task(optimizer.aoptimize(WHALES))
    assert await asyncio.to_thread(hang.started.wait, LONG)
    kept = asyncio.create_task(optimizer.aoptimize("tell me about tea"))
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert (await kept).text == rewritten("tell me about tea")
