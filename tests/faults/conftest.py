"""No test of this folder may leave a thread or a process behind, and none may hang."""

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from bpo_model import PromptOptimizer
from tests.faults.harness import LONG, Fault, Faulty, Hang, good, optimizer_of, ours


@pytest.fixture
def faulty() -> Iterator[Any]:
    """Makes optimizers around a fault; afterwards their workers are closed, and nothing of them is left."""
    before, made = ours() | set(threading.enumerate()), list[PromptOptimizer]()

    def make(fault: Fault | Any = good, *, batch: int = 64, slots: int = 1, **options: Any) -> PromptOptimizer:
        engine = Faulty(fault, batch=batch, slots=slots) if callable(fault) else fault
        made.append(optimizer_of(engine, **options))
        return made[-1]

    yield make
    for optimizer in made:
        optimizer._worker.close()
    end = time.monotonic() + LONG
    while (left := ours() - before) and time.monotonic() < end:
        time.sleep(0.005)
    assert left == set()


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """A call that never comes back is a test that fails."""

    def give_up(*_: object) -> None:
        pytest.fail("the test hangs")  # no Exception, so that nothing on the way mistakes it for its own

    before = signal.signal(signal.SIGUSR1, give_up)
    timer = threading.Timer(4 * LONG, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1))
    timer.start()
    yield
    timer.cancel()
    timer.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every child of this test was waited for; those of the tests before it, such as a resource tracker, may live."""
    before = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= before


@pytest.fixture
def hang() -> Iterator[Hang]:
    """An engine that hangs for as long as the test lasts."""
    fault = Hang()
    yield fault
    fault.go.set()
