"""The main job: a prompt goes in, a verified optimized prompt or the original comes out."""

import asyncio
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.config import STABLE, GatePolicy, Options, Overrides, SamplingConfig
from bpo_model.engines.base import Engine
from bpo_model.errors import BPOError, GenerationError, PromptError
from bpo_model.gate import must_leave_alone, should_rewrite
from bpo_model.job import Job
from bpo_model.messages import Target, find_target
from bpo_model.rewriting import rewrite
from bpo_model.schema import OnError, OptimizedPrompt, Prompt, Reason, Rewrite
from bpo_model.split import Split, split

logger = logging.getLogger(__name__)

REMEMBERED = 4096
"""How many of its own texts an optimizer recognizes, so that a chain never rewrites twice."""


class PromptOptimizer:
    """Rewrites prompts with a small model and verifies every rewrite.

    Safe to share between threads and event loops. Not a DSPy optimizer: nothing is
    compiled, every prompt is rewritten by itself.
    """

    def __init__(self, engine: Engine, checkpoint: Checkpoint, options: Options | None = None) -> None:
        """Wrap a loaded engine; most callers want `from_pretrained`."""
        self.engine = engine
        self.checkpoint = checkpoint
        self.options = options or Options()
        self._written: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        self._timed = ThreadPoolExecutor(thread_name_prefix="bpo-deadline")

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        engine: Engine | None = None,
        mode: SamplingConfig = STABLE,
        candidates: int | None = None,
        iterations: int = 1,
        deadline_ms: float | None = None,
        rewrite: Rewrite = "auto",
        on_error: OnError = "passthrough",
        policy: GatePolicy | None = None,
    ) -> "PromptOptimizer":
        """Load the embedded default (None), or a folder that training.sft wrote.

        Raises:
            ModelLoadError: If the weights are missing or damaged, with the remedy.
            ValueError: If an option cannot work, naming it.
        """
        options = Options(
            mode=mode, candidates=candidates, iterations=iterations,
            deadline_ms=deadline_ms, rewrite=rewrite, on_error=on_error,
        )  # fmt: skip
        checkpoint = load_checkpoint(name_or_path)
        if policy is not None:
            checkpoint = replace(checkpoint, policy=policy)
        return cls(engine or _load_engine(checkpoint), checkpoint, options)

    def optimize(self, prompt: Prompt, **overrides: Unpack[Overrides]) -> OptimizedPrompt:
        """Rewrite one prompt: text, or messages whose newest user turn is rewritten.

        Raises:
            PromptError: If the prompt is neither text nor a list of messages.
            BPOError: If the model fails and on_error is "raise".
        """
        find_target(prompt)
        return self.optimize_batch([prompt], **overrides)[0]

    def optimize_batch(self, prompts: Sequence[Prompt], **overrides: Unpack[Overrides]) -> list[OptimizedPrompt]:
        """Rewrite many prompts with few engine calls; results in the order of the prompts.

        A prompt that cannot be read comes back as it was, with reason `error`, and does
        not disturb the others; with on_error="raise" the first failure is raised.
        """
        if isinstance(prompts, str):
            raise PromptError("optimize_batch takes a list of prompts, got one str; use optimize")
        options, started = replace(self.options, **overrides), time.perf_counter()
        if options.on_error == "raise":
            for prompt in prompts:
                find_target(prompt)
        jobs = [self._start(prompt, options, started) for prompt in prompts]
        self._run([job for job in jobs if job.open], options, started)
        results = [job.result(self.checkpoint.name, time.perf_counter()) for job in jobs]
        self._remember(result.text for result in results if result.changed)
        failed = next((result for result in results if result.reason is Reason.ERROR), None)
        if failed and options.on_error == "raise":
            raise GenerationError(failed.detail)
        return results

    async def aoptimize(self, prompt: Prompt, **overrides: Unpack[Overrides]) -> OptimizedPrompt:
        """Like `optimize`, without blocking the event loop."""
        return await asyncio.to_thread(self.optimize, prompt, **overrides)

    async def aoptimize_batch(self, prompts: Sequence[Prompt], **overrides: Unpack[Overrides]) -> list[OptimizedPrompt]:
        """Like `optimize_batch`, without blocking the event loop."""
        return await asyncio.to_thread(self.optimize_batch, prompts, **overrides)

    def _start(self, prompt: Prompt, options: Options, started: float) -> Job:
        """Hops one to three: find the text, ask the gate, split."""
        try:
            target = find_target(prompt)
        except PromptError as error:
            return Job(prompt, Target(None), Split("", "", ""), started, Reason.ERROR, str(error))
        text = target.text
        parts = split(text or "")
        job = Job(prompt, target, parts, started, instruction=parts.instruction)
        reason = Reason.NO_USER_TEXT if text is None else self._reason_to_skip(text, parts, target, options)
        if reason:
            job.close(reason)
        return job

    def _reason_to_skip(self, text: str, parts: Split, target: Target, options: Options) -> Reason | None:
        """The gate, under the caller's switch."""
        if options.rewrite == "never":
            return Reason.SWITCHED_OFF
        policy = self.checkpoint.policy
        if options.rewrite == "always":
            return must_leave_alone(text, parts, policy)
        if self._wrote(text):
            return Reason.ALREADY_OPTIMIZED
        return should_rewrite(text, parts, policy, has_history=target.has_history)

    def _run(self, jobs: list[Job], options: Options, started: float) -> None:
        """Hops four and five, within the deadline if there is one."""
        if not jobs:
            return
        if options.deadline_ms is None:
            self._rewrite(jobs, options, float("inf"))
            return
        end = started + options.deadline_ms / 1000
        # The thread works on copies: once the time is up, the caller's jobs must not change any more.
        copies = [replace(job, violations=[]) for job in jobs]
        work: Future[None] = self._timed.submit(self._rewrite, copies, options, end)
        try:
            work.result(timeout=max(0.0, end - time.perf_counter()))
        except FutureTimeoutError:
            for job in jobs:
                job.close(Reason.DEADLINE, f"no verified rewrite within {options.deadline_ms:g} ms")
            return
        for job, copy in zip(jobs, copies, strict=True):
            _copy_outcome(copy, job)

    def _rewrite(self, jobs: list[Job], options: Options, end: float) -> None:
        """Run the model; a failure of the engine becomes the fate of every open job."""
        try:
            rewrite(
                jobs, self.engine, self.checkpoint, options.sampling, options.iterations,
                cancelled=lambda: time.perf_counter() > end,
            )  # fmt: skip
        except Exception as error:  # fail open: whatever an engine raises, the originals go out
            if not isinstance(error, BPOError):
                logger.exception("the engine failed")
            for job in jobs:
                job.close(Reason.ERROR, f"{type(error).__name__}: {error}")

    def _wrote(self, text: str) -> bool:
        """Whether this optimizer wrote a text."""
        with self._lock:
            return _digest(text) in self._written

    def _remember(self, texts: Any) -> None:
        """Keep the hashes of the newest texts, never the texts."""
        with self._lock:
            self._written.update((_digest(text), None) for text in texts)
            while len(self._written) > REMEMBERED:
                self._written.popitem(last=False)

    def __deepcopy__(self, memo: dict[int, object]) -> "PromptOptimizer":
        """The optimizer itself: frameworks copy their modules, and weights must not be copied."""
        return self


def _copy_outcome(source: Job, target: Job) -> None:
    """Take over what a timed run found out."""
    for name in ("reason", "detail", "instruction", "violations", "prompt_tokens", "completion_tokens"):
        setattr(target, name, getattr(source, name))


def _digest(text: str) -> bytes:
    """Short hash of a text; lone surrogates allowed."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _load_engine(checkpoint: Checkpoint) -> Engine:
    """The engine for a checkpoint; one a process and file, however many optimizers there are."""
    from bpo_model.engines.registry import shared_llama_cpp

    base, adapter = checkpoint.find_files()
    return shared_llama_cpp(base, adapter, checkpoint.context_tokens)
