"""An engine that does what it is told to do wrong, and what must hold whatever it does."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bpo_model import OptimizedPrompt, Prompt, PromptOptimizer, Reason
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.config import Options
from bpo_model.engines.base import Candidate, Request, never
from bpo_model.messages import find_target

LONG = 20.0
"""Seconds after which something hangs, however busy the machine is."""
DEADLINE_MS = 300
LATE = 10
"""So many times the deadline a call may take on a busy machine; an engine that hangs takes a hundred times as long."""

Fault = Callable[[Sequence[Request], Callable[[], bool]], Any]
"""What `generate` does; may return or raise anything."""


def rewritten(text: str) -> str:
    """A rewrite that the contract lets through."""
    return f"{text} Please explain your answer."


def good(requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Any]:
    """What an engine that works returns."""
    return [Candidate(rewritten(request.prompt.text), 5, 9) for request in requests]


class Faulty:
    """An engine as the protocol wants it, around a fault that may be exchanged at any time."""

    name = "faulty"

    def __init__(self, fault: Fault = good, *, slots: int = 1, batch: int = 64) -> None:
        self.fault, self.slots, self.batch = fault, slots, batch
        self.calls: list[list[str]] = []
        """The instructions of every call."""

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Any]:
        self.calls.append([request.prompt.text for request in requests])
        found: list[Any] = self.fault(requests, cancelled)
        return found


@dataclass(frozen=True)
class FaultySettings:
    """Settings instead of an engine: the optimizer then has a cache and shares its worker."""

    name: str
    fault: Fault = good

    def load(self, checkpoint: Checkpoint) -> Any:
        return Faulty(self.fault)


def optimizer_of(engine: Any, **options: Any) -> PromptOptimizer:
    """The real pipeline around an engine that writes whole replies, without the opinions of the gate."""
    checkpoint = replace(load_checkpoint(), prefill=None)
    cache = options.pop("cache", "memory")
    return PromptOptimizer(engine, checkpoint, Options(**({"rewrite": "always"} | options)), cache=cache)


def only_for(word: str, fault: Fault) -> Fault:
    """A fault that hits the calls in which a prompt holds a word."""

    def either(requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        return (fault if any(word in request.prompt.text for request in requests) else good)(requests, cancelled)

    return either


class Hang:
    """Hangs, deaf to `cancelled`, until it is let go."""

    def __init__(self) -> None:
        self.go, self.started = threading.Event(), threading.Event()

    def __call__(self, requests: Sequence[Request], cancelled: Callable[[], bool]) -> Any:
        self.started.set()
        self.go.wait(LONG)
        return good(requests)


def assert_untouched(prompts: Iterable[Prompt], results: Iterable[OptimizedPrompt], reason: Reason) -> None:
    """Every original went out: the very object, its text byte for byte, and the reason that is true."""
    for prompt, result in zip(prompts, results, strict=True):
        text = find_target(prompt).text or ""
        assert result.prompt is prompt
        assert result.text.encode("utf-8", "surrogatepass") == text.encode("utf-8", "surrogatepass")
        assert (result.reason, result.changed, result.original) == (reason, False, text), result.detail
        assert (result.candidates, result.edits, result.strategies) == ((), (), ())


def assert_served(optimizer: PromptOptimizer, *words: str) -> None:
    """The optimizer goes on working: prompts that nobody sent before are rewritten."""
    prompts = [f"tell me about the {word} of today" for word in words or ("harbour", "orchard")]
    results = optimizer.optimize_batch(prompts, deadline_ms=1000 * LONG)
    assert [result.text for result in results] == [rewritten(prompt) for prompt in prompts]


class Stopwatch:
    """Asserts that a block came to its end within `LATE` deadlines."""

    def __enter__(self) -> "Stopwatch":
        self.started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        assert time.perf_counter() - self.started < LATE * DEADLINE_MS / 1000


def ours() -> set[threading.Thread]:
    """Threads of the package that are at work; those that wait in the pool for the next call are not."""
    found = {thread for thread in threading.enumerate() if thread.name.startswith("bpo")}
    frames = sys._current_frames()
    return {thread for thread in found if not _idle(frames.get(thread.ident or 0))}


def _idle(frame: Any) -> bool:
    """Whether a thread's innermost Python frame is the pool's own loop."""
    return frame is None or (frame.f_code.co_name == "_worker" and frame.f_code.co_filename.endswith("thread.py"))


def in_process(code: str, *arguments: str, timeout: float = 4 * LONG, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, for what would kill this one."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **more)
