"""One worker per loaded model: threads that own the engine, and a queue in front of them.

While the engine is busy, requests collect and go out together (a lone request never waits
for others). Equal requests are generated once. A request that nobody waits for any more is
dropped, or stopped if it runs. Requests with different parameters may share a batch: every
engine applies them row by row.
"""

import atexit
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import islice

from bpo_model.after_fork import reset_after_fork
from bpo_model.engines.base import Candidate, Engine, Generated, Request
from bpo_model.errors import BPOError, GenerationError
from bpo_model.log import log_failure

logger = logging.getLogger(__name__)

DEFAULT_BATCH = 64
IDLE_SECONDS = 30.0
"""After so long without work a thread ends; without threads, a dropped worker frees its engine."""
EXIT_SECONDS = 5.0
"""How long the interpreter's exit waits for an engine to stop."""


@dataclass(eq=False, slots=True)
class _Item:
    """A request and everyone who waits for it."""

    request: Request
    waiters: list[Future[Generated]] = field(default_factory=list)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return all(waiter.cancelled() for waiter in self.waiters)

    def settle(self, result: Generated) -> None:
        """Give the result to all who still wait."""
        for waiter in self.waiters:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(result)


class Worker:
    """The queue in front of one engine; safe to use from any thread, event loop or forked child."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """`load` makes the engine; it runs once, and once more in every forked child."""
        self._load = load
        self._engine: Engine | None = None
        self._unreachable: list[object] = []
        self.reset()
        reset_after_fork(self)
        _workers.add(self)

    def reset(self) -> None:
        """Start anew: nothing queued, no threads, no engine."""
        # A forked child must not run the destructor of an engine whose threads it does not have.
        if self._engine is not None:
            self._unreachable.append(self._engine)
        self._engine = None
        self._changed = threading.Condition()
        self._loading = threading.Lock()
        self._queue: deque[_Item] = deque()
        self._open: dict[Request, _Item] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    @property
    def engine(self) -> Engine:
        """The loaded engine; loads it if need be, and waits for that."""
        with self._loading:
            if self._engine is None:
                self._engine = self._load()
            return self._engine

    def submit(self, requests: Sequence[Request]) -> list[Future[Generated]]:
        """Queue requests together; a future each, which may be cancelled at any time."""
        futures: list[Future[Generated]] = [Future() for _ in requests]
        with self._changed:
            if self._closed:
                raise GenerationError("the model was closed; make a new PromptOptimizer")
            for request, future in zip(requests, futures, strict=True):
                self._enqueue(request, future)
            try:
                self._ensure_threads()
            except RuntimeError as error:  # the system gives no thread; a later call may get one
                for future in futures:
                    future.cancel()
                raise GenerationError(f"no thread for the model: {error}") from error
            self._changed.notify(len(requests))
        return futures

    def close(self) -> None:
        """Stop the threads; what is queued is cancelled, what runs is asked to stop."""
        with self._changed:
            self._closed = True
            waiters = [waiter for item in self._open.values() for waiter in item.waiters]
            self._changed.notify_all()
        for waiter in waiters:
            waiter.cancel()
        for thread in list(self._threads):
            thread.join(EXIT_SECONDS)

    def _enqueue(self, request: Request, future: Future[Generated]) -> None:
        """Join an equal request that is under way, or wait in the queue."""
        item = self._open.get(request)
        if item is None or item.abandoned:
            item = self._open[request] = _Item(request)
            self._queue.append(item)
        item.waiters.append(future)

    def _ensure_threads(self) -> None:
        """As many threads as the engine has slots, each started when there is work that waits."""
        slots = getattr(self._engine, "slots", 1)
        if len(self._threads) < slots and len(self._queue) > self._idle:
            # Daemons, because a model may run for minutes; `close` stops them before the exit.
            thread = threading.Thread(target=self._serve, name="bpo-worker", daemon=True)
            # Those that run take the work if there is no thread for one more; the first must start.
            with suppress(RuntimeError) if self._threads else nullcontext():
                thread.start()
                self._threads.append(thread)

    def _serve(self) -> None:
        """What a thread does: take what waits, generate, hand out, again."""
        with suppress(BaseException):  # the first `_generate` meets the same error and reports it
            _ = self.engine
        while batch := self._take():
            results = self._generate(batch)
            with self._changed:
                for item in batch:
                    if self._open.get(item.request) is item:
                        del self._open[item.request]
            for item, result in zip(batch, results, strict=True):
                item.settle(result)

    def _take(self) -> list[_Item]:
        """The next items that somebody waits for; [] ends the thread."""
        with self._changed:
            self._idle += 1
            while not (batch := self._next_batch()) and not self._closed:
                if not self._changed.wait(IDLE_SECONDS):
                    break
            self._idle -= 1
            if self._queue:
                self._ensure_threads()
            if not batch:
                self._threads.remove(threading.current_thread())
            return batch

    def _next_batch(self) -> list[_Item]:
        """What is queued now, at most as much as the engine takes."""
        batch: list[_Item] = []
        limit = getattr(self._engine, "batch", DEFAULT_BATCH)
        while self._queue and len(batch) < limit:
            item = self._queue.popleft()
            if not item.abandoned:
                batch.append(item)
            elif self._open.get(item.request) is item:
                del self._open[item.request]  # else every deadline that passes would keep a prompt in memory
        return batch

    def _generate(self, batch: list[_Item]) -> list[Generated]:
        """The engine's results; whatever it raises is the result of every item."""
        try:
            given = self.engine.generate(
                [item.request for item in batch], lambda: all(item.abandoned for item in batch)
            )
            results = [_checked(result) for result in islice(given, len(batch) + 1)]
        except BaseException as error:  # noqa: BLE001  # whatever an engine raises: without this thread all would wait
            return [_as_error(error)] * len(batch)
        if len(results) != len(batch):
            got = str(len(results)) if len(results) < len(batch) else "too many"
            return [GenerationError(f"the engine gave {got} results for {len(batch)} requests")] * len(batch)
        return results


def _checked(result: object) -> Generated:
    """What an engine returned for one request, if it is what the protocol says; else the error that it is not."""
    if isinstance(result, GenerationError):
        return result
    if not isinstance(result, Candidate):
        return GenerationError(f"the engine gave {type(result).__name__} where a Candidate belongs")
    if not isinstance(result.text, str):
        return GenerationError(f"the engine gave a Candidate whose text is {type(result.text).__name__}")
    return result


def _as_error(error: BaseException) -> Generated:
    """An exception as the value that callers expect; unexpected ones are logged."""
    if isinstance(error, GenerationError):
        return error
    if not isinstance(error, BPOError):
        log_failure(logger, "the engine failed", error)
    return GenerationError(f"{type(error).__name__}: {error}")


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Stop all engines while the interpreter still works; native threads must not outlive it."""
    for worker in list(_workers):
        worker.close()
