"""Threads of the package itself, so that neither an event loop nor a deadline waits for the model.

asyncio's own default executor is not used: it has few threads (6 on 2 cores), which would
bound how many prompts are in flight, and it belongs to the application.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from bpo_model.after_fork import reset_after_fork

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 128
"""Calls in flight; further ones wait. A thread that waits for the model costs a few kilobytes."""


class _Background:
    """One lazily filled thread pool a process."""

    def __init__(self) -> None:
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Start with a new pool; a forked child has the old one's objects but not its threads."""
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bpo")


_background = _Background()


def run_in_background(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Run a function that may wait; never call this from inside such a function and wait for it."""
    return _background.pool.submit(function, *args, **kwargs)
