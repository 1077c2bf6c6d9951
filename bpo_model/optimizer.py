"""The main job: a prompt goes in, a verified optimized prompt or the original comes out."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from bpo_model.cache import NoCache
from bpo_model.call import Call
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.config import STABLE, CacheKind, GatePolicy, Options, Overrides, SamplingConfig
from bpo_model.engines.base import Engine
from bpo_model.engines.registry import shared_worker, worker_for
from bpo_model.engines.settings import EngineSettings, LlamaCpp, Transformers
from bpo_model.errors import GenerationError, PromptError
from bpo_model.generations import Generations
from bpo_model.messages import find_target
from bpo_model.own_texts import OwnTexts
from bpo_model.schema import OnError, OptimizedPrompt, Prompt, Reason, Rewrite
from bpo_model.stores import model_cache


class PromptOptimizer:
    """Rewrites prompts with a small model and verifies every rewrite.

    Safe to share between threads, event loops and forked processes; copies and pickles hold
    the specification, never the weights. Not a DSPy optimizer: nothing is compiled, every
    prompt is rewritten by itself.
    """

    def __init__(
        self,
        engine: Engine | EngineSettings,
        checkpoint: Checkpoint,
        options: Options | None = None,
        *,
        cache: CacheKind = "memory",
    ) -> None:
        """Take an engine, or the settings of one that is loaded with the first prompt.

        Most callers want `from_pretrained`. An engine object is never cached: nothing is
        known about what determines its candidates.
        """
        if isinstance(engine, type) or not (isinstance(engine, EngineSettings) or hasattr(engine, "generate")):
            raise TypeError(
                "engine must be LlamaCpp(...), Transformers(...), OpenAICompatible(...) or an object with `generate`, "
                f"got {engine!r}"
            )
        self.checkpoint = checkpoint
        self.options = options or Options()
        self._engine, self._cache_kind = engine, cache
        self._own = OwnTexts()
        if isinstance(engine, EngineSettings):
            self._worker = shared_worker(engine, checkpoint)
            self._cache = model_cache(cache, f"{engine} {checkpoint.identity}")
        else:
            self._worker, self._cache = worker_for(engine), NoCache()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        engine: Engine | EngineSettings | None = None,
        mode: SamplingConfig = STABLE,
        candidates: int | None = None,
        iterations: int = 1,
        deadline_ms: float | None = None,
        rewrite: Rewrite = "auto",
        on_error: OnError = "passthrough",
        policy: GatePolicy | None = None,
        cache: CacheKind = "memory",
    ) -> "PromptOptimizer":
        """Load the embedded default (None), a folder that training.sft wrote, or a hub id.

        Optimizers with the same checkpoint and engine settings share one loaded model. In
        an event loop, load with `await asyncio.to_thread(PromptOptimizer.from_pretrained)`.

        Raises:
            ModelLoadError: If the weights are missing or damaged, with the remedy.
            MissingDependencyError: If the engine needs an extra that is not installed.
            ValueError: If an option cannot work, naming it.
        """
        options = Options(
            mode=mode, candidates=candidates, iterations=iterations,
            deadline_ms=deadline_ms, rewrite=rewrite, on_error=on_error,
        )  # fmt: skip
        if policy is not None and not isinstance(policy, GatePolicy):
            raise TypeError(f"policy must be a GatePolicy(...), got {policy!r}")
        checkpoint = load_checkpoint(name_or_path)
        if policy is not None:
            checkpoint = replace(checkpoint, policy=policy)
        default: EngineSettings = LlamaCpp() if checkpoint.base else Transformers()
        optimizer = cls(engine or default, checkpoint, options, cache=cache)
        _ = optimizer.engine
        return optimizer

    @property
    def engine(self) -> Engine:
        """The engine; loads it if no prompt has come yet."""
        return self._worker.engine

    def optimize(self, prompt: Prompt, **overrides: Unpack[Overrides]) -> OptimizedPrompt:
        """Rewrite one prompt: text, or messages whose newest user turn is rewritten.

        Raises:
            PromptError: If the prompt is neither text nor a list of messages.
            BPOError: If the model fails and on_error is "raise".
        """
        find_target(prompt)
        return self.optimize_batch([prompt], **overrides)[0]

    def optimize_batch(self, prompts: Sequence[Prompt], **overrides: Unpack[Overrides]) -> list[OptimizedPrompt]:
        """Rewrite many prompts side by side; results in the order of the prompts.

        A prompt that cannot be read comes back as it was, with reason `error`, and does
        not disturb the others; with on_error="raise" the first failure is raised.
        """
        options, call = self._call(prompts, overrides)
        try:
            if call.seconds_left is None:
                call.run()
            else:
                wait([call.start()], call.seconds_left)
        finally:
            results = call.finish()
        return self._handed_out(results, options)

    async def aoptimize(self, prompt: Prompt, **overrides: Unpack[Overrides]) -> OptimizedPrompt:
        """Like `optimize`, without blocking the event loop; cancelling the task stops the model."""
        find_target(prompt)
        return (await self.aoptimize_batch([prompt], **overrides))[0]

    async def aoptimize_batch(self, prompts: Sequence[Prompt], **overrides: Unpack[Overrides]) -> list[OptimizedPrompt]:
        """Like `optimize_batch`, without blocking the event loop; cancelling the task stops the model."""
        options, call = self._call(prompts, overrides)
        done = asyncio.wrap_future(call.start())
        try:
            await asyncio.wait([done], timeout=call.seconds_left)
        finally:
            results = call.finish()
            done.cancel()  # else a run that is left behind would report to a loop that may be closed by then
        return self._handed_out(results, options)

    def _call(self, prompts: Sequence[Prompt], overrides: Overrides) -> tuple[Options, Call]:
        """Check what a caller can get wrong, and start the clock."""
        _check_batch(prompts)
        if unknown := sorted(overrides.keys() - Overrides.__annotations__.keys()):
            known = ", ".join(Overrides.__annotations__)
            raise TypeError(f"there is no option {unknown[0]!r}; the options of a call are {known}")
        options = replace(self.options, **overrides)
        if options.on_error == "raise":
            for prompt in prompts:
                find_target(prompt)
        return options, Call(prompts, options, self.checkpoint, Generations(self._worker, self._cache), self._own)

    def _handed_out(self, results: list[OptimizedPrompt], options: Options) -> list[OptimizedPrompt]:
        """Remember what we wrote; raise the first failure if the caller wants that."""
        self._own.add(result.text for result in results if result.changed)
        failed = next((result for result in results if result.reason is Reason.ERROR), None)
        if failed and options.on_error == "raise":
            raise GenerationError(failed.detail)
        return results

    def __deepcopy__(self, memo: dict[int, object]) -> "PromptOptimizer":
        """The optimizer itself: frameworks copy their modules, and weights must not be copied."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """The specification; the copy finds the loaded model of its process, or loads it with its first prompt."""
        return _rebuild, (type(self), self._engine, self.checkpoint, self.options, self._cache_kind)


def _check_batch(prompts: Any) -> None:
    """Refuse what is no list of prompts, naming what was meant."""
    if isinstance(prompts, str):
        raise PromptError("optimize_batch takes a list of prompts, got one str; use optimize")
    if isinstance(prompts, Mapping) or not hasattr(prompts, "__len__"):
        raise PromptError(f"optimize_batch takes a list of prompts, got {type(prompts).__name__}")


def _rebuild(
    kind: type[PromptOptimizer], engine: Any, checkpoint: Checkpoint, options: Options, cache: CacheKind
) -> PromptOptimizer:
    """What a pickle calls."""
    return kind(engine, checkpoint, options, cache=cache)
