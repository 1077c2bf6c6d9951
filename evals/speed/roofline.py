"""The memory's limit: decoding one token reads all weights once, so bandwidth / bytes is the most there can be."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

ARRAY_BYTES = 512 * 1024**2
"""Far larger than any cache."""


def memory_bandwidth(threads: int, seconds: float = 1.0) -> float:
    """Bytes per second that `threads` threads read from memory; the best of several passes.

    Measured with numpy's sum of 8-byte integers over arrays that no cache holds. It
    releases the interpreter's lock, so that threads read side by side.
    """
    import numpy as np

    arrays: list[Any] = [np.ones(ARRAY_BYTES // 8 // threads, dtype=np.int64) for _ in range(threads)]
    best, end = 0.0, time.perf_counter() + seconds
    with ThreadPoolExecutor(threads) as pool:
        while time.perf_counter() < end:
            started = time.perf_counter()
            list(pool.map(_read, arrays))
            best = max(best, ARRAY_BYTES / (time.perf_counter() - started))
    return best


def _read(array: Any) -> int:
    """Touch every byte."""
    return int(array.sum())


def roofline(bytes_per_token: int, bandwidth: float) -> float:
    """Most tokens per second that one stream can reach."""
    return bandwidth / bytes_per_token
