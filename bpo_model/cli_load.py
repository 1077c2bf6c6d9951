"""Load the optimizer for a command, so that Ctrl-C always ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bpo_model.checkpoint import load_checkpoint
from bpo_model.engines.settings import LlamaCpp
from bpo_model.merged import runnable_files
from bpo_model.optimizer import PromptOptimizer


def load(model: str | None = None, *, engine: Any = None, **options: Any) -> PromptOptimizer:
    """Like `PromptOptimizer.from_pretrained`; Ctrl-C works while files come, and waits while llama.cpp starts."""
    checkpoint = load_checkpoint(model)
    if checkpoint.base is None or not (engine is None or isinstance(engine, LlamaCpp)):
        return PromptOptimizer.from_pretrained(model, engine=engine, **options)
    runnable_files(checkpoint)
    with _interrupts_wait():
        return PromptOptimizer.from_pretrained(model, engine=engine, **options)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """SIGINT arrives when the block is left.

    xllamacpp holds Python's lock while a server starts, so that an interrupt is raised the moment
    it is there, and drops it; a server that is destroyed before its loop runs waits for ever.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
