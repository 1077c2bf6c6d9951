"""One system in a process of its own, so that its memory can be told and its rounds interleaved.

Reads one JSON request a line from standard input, writes one JSON answer a line.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evals.speed.systems import SYSTEMS, System


def main(system: str, model: str | None) -> None:
    """Load, then serve requests until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # a library's chatter must not end up among the answers
    started = time.perf_counter()
    run = SYSTEMS[system](model)
    run("tell me about the history of tea")
    _write(answers, {"load_s": time.perf_counter() - started})
    for line in sys.stdin:
        request = json.loads(line)
        _write(answers, measure(run, request["prompts"], request["concurrency"]))


def measure(run: System, prompts: list[str], concurrency: int) -> dict[str, Any]:
    """Wall time of all prompts, latency of each, tokens written, and peak memory so far."""

    def timed(prompt: str) -> tuple[float, int]:
        started = time.perf_counter()
        tokens = run(prompt)
        return time.perf_counter() - started, tokens

    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        done = list(pool.map(timed, prompts))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return {
        "seconds": seconds,
        "latencies": [latency for latency, _ in done],
        "tokens": sum(tokens for _, tokens in done),
        "peak_rss_mb": peak,
    }


def _write(answers: Any, answer: dict[str, Any]) -> None:
    """One line, at once."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
