"""The generations of one call: taken from the cache or the worker, stoppable from any thread."""

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeAlias

from bpo_model.cache import Cache
from bpo_model.engines.base import Candidate, Generated, Request
from bpo_model.engines.worker import Worker
from bpo_model.errors import GenerationError

WINDOW = 256
"""Flows that run side by side: enough to fill a large batch, few enough to start at once."""
Flow: TypeAlias = Generator[list[Request], list[Generated], None]
"""What happens to one prompt: yields requests, gets their results, until its fate is known."""


@dataclass(slots=True, eq=False)
class _Turn:
    """A flow that waits for the results of its newest requests."""

    flow: Flow
    futures: list[Future[Generated]]

    @property
    def done(self) -> bool:
        """Whether the flow can go on."""
        return all(future.done() for future in self.futures)

    def results(self) -> list[Generated]:
        """One a request; what the worker gave up is a failed item."""
        closed = GenerationError("the model was closed while it worked")
        return [closed if future.cancelled() else future.result() for future in self.futures]


class Generations:
    """Runs flows side by side: each goes on as soon as its own results are there."""

    def __init__(self, worker: Worker, cache: Cache) -> None:
        """Nothing is sent before `run`."""
        self._worker, self._cache = worker, cache
        self._lock = threading.Lock()
        self._pending: set[Future[Generated]] = set()
        self._stopped = False
        self._wake = threading.Event()

    def run(self, flows: Iterable[Flow]) -> None:
        """Run all flows to their end, or until stopped.

        Raises:
            GenerationError: If the model was closed meanwhile.
        """
        rest, turns = iter(flows), list[_Turn]()
        while not self._stopped:
            # Cleared before looking, so that nothing that happens after the look is missed.
            self._wake.clear()
            fresh = [(flow, None) for flow in islice(rest, WINDOW - len(turns))]
            ready = [turn for turn in turns if turn.done]
            if not fresh and not turns:
                return
            if not fresh and not ready:
                self._wake.wait()
                continue
            turns = [turn for turn in turns if turn not in ready]
            turns += self._advance([*((turn.flow, turn.results()) for turn in ready), *fresh])

    def stop(self) -> None:
        """Cancel what is under way; `run` returns soon, with the flows where they are."""
        with self._lock:
            self._stopped = True
            pending, self._pending = self._pending, set()
        self._wake.set()
        for future in pending:
            future.cancel()

    def _advance(self, flows: list[tuple[Flow, list[Generated] | None]]) -> list[_Turn]:
        """Let flows go one step; their new requests reach the worker together."""
        steps = []
        for flow, results in flows:
            try:
                steps.append((flow, next(flow) if results is None else flow.send(results)))
            except StopIteration:
                continue
        futures = iter(self._submit([request for _, requests in steps for request in requests]))
        return [_Turn(flow, [next(futures) for _ in requests]) for flow, requests in steps]

    def _submit(self, requests: list[Request]) -> list[Future[Generated]]:
        """A future a request; those that the cache knows are done."""
        known = [self._cache.get(request) for request in requests]
        missing = [request for request, candidate in zip(requests, known, strict=True) if candidate is None]
        submitted = self._worker.submit(missing) if missing else []
        for request, future in zip(missing, submitted, strict=True):
            future.add_done_callback(partial(self._keep, request))
        with self._lock:
            self._pending.update(submitted)
            stopped = self._stopped
        if stopped:
            self.stop()
        rest = iter(submitted)
        return [next(rest) if candidate is None else _done(candidate) for candidate in known]

    def _keep(self, request: Request, future: Future[Generated]) -> None:
        """Remember a finished candidate, and wake `run`."""
        with self._lock:
            self._pending.discard(future)
        try:
            if not future.cancelled() and isinstance(candidate := future.result(), Candidate):
                self._cache.put(request, candidate)
        finally:
            self._wake.set()  # else a cache that fails would stop the call for ever


def _done(candidate: Candidate) -> Future[Generated]:
    """A future that has its result."""
    future: Future[Generated] = Future()
    future.set_result(candidate)
    return future
