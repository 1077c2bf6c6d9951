"""One loaded model a process: optimizers with the same files share an engine."""

import threading
from functools import lru_cache
from pathlib import Path

from bpo_model.engines.llama_cpp import LlamaCppEngine

_loading = threading.Lock()


def shared_llama_cpp(model: Path, adapter: Path | None, context_tokens: int) -> LlamaCppEngine:
    """The engine for these files; loads it once, also when several threads ask together."""
    with _loading:
        return _load(model, adapter, context_tokens)


@lru_cache(maxsize=4)
def _load(model: Path, adapter: Path | None, context_tokens: int) -> LlamaCppEngine:
    """Load and remember."""
    return LlamaCppEngine(model, adapter, context_tokens=context_tokens)
