"""Load each checkpoint once a process, and do not let a failing one be tried with every prompt."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

RETRY_AFTER_S = 30.0
"""So long a failure stands: without weights and network every prompt would wait for the network."""


class LoadOnce(Generic[T]):
    """A function of one name whose results are kept for good and whose failures for a while.

    Two threads may load the same name at the same time: the first result is kept for both,
    and the weights behind an optimizer are shared anyway (engines/registry.py).
    """

    def __init__(self, load: Callable[[str | None], T], retry_after_s: float = RETRY_AFTER_S) -> None:
        """`load` gets the name, or None for the default."""
        self._load, self._retry_after_s = load, retry_after_s
        self._results: dict[str | None, T] = {}
        self._failures: dict[str | None, tuple[float, Exception]] = {}

    def __call__(self, name: str | None) -> T:
        """The result for a name; raises what loading raised, and again within `retry_after_s`."""
        if name in self._results:
            return self._results[name]
        failed_at, error = self._failures.get(name, (0.0, None))
        if error and time.monotonic() - failed_at < self._retry_after_s:
            raise error.with_traceback(None)  # else it grows with every prompt
        return self._try(name)

    def _try(self, name: str | None) -> T:
        """Load now, and remember how it went."""
        try:
            return self._results.setdefault(name, self._load(name))
        except Exception as error:
            self._failures[name] = (time.monotonic(), error)
            raise
