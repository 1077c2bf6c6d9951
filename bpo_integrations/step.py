"""The rewriting step as every adapter takes it: any optimizer, never an exception, always in time."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, TypeAlias, Unpack

from bpo_integrations.loading import LoadOnce
from bpo_model import GenerationError, OptimizedPrompt, Prompt, PromptError, PromptOptimizer, Reason, SupportsOptimize
from bpo_model.background import run_in_background
from bpo_model.config import Options, Overrides
from bpo_model.log import log_failure
from bpo_model.messages import find_target

logger = logging.getLogger(__name__)

OptimizerLike: TypeAlias = SupportsOptimize | str | None
"""An optimizer, the name of a checkpoint, or None for the embedded default."""


class RewriteStep:
    """What an adapter does with prompts: hand them over, and get a result for each.

    Free to build: a checkpoint is loaded with the first prompt, once a process. An optimizer
    that fails, hangs or answers nonsense costs the prompts nothing: they come back as they
    were, with the reason. Copies share the optimizer; pickles hold its specification.
    """

    def __init__(self, optimizer: OptimizerLike = None, **overrides: Unpack[Overrides]) -> None:
        """Take what rewrites, and options for all calls (see `bpo_model.config.Options`).

        Raises:
            TypeError: If the optimizer is none, naming what was got.
            ValueError: If an option cannot work, naming it.
        """
        if not (optimizer is None or isinstance(optimizer, (str, SupportsOptimize))):
            wanted = "a PromptOptimizer, the name of a checkpoint, or None for the embedded default"
            raise TypeError(f"optimizer must be {wanted}, got {type(optimizer).__name__}")
        Options(**overrides)
        self.on_error = overrides.pop("on_error", "passthrough")
        self._given, self._overrides = optimizer, overrides

    @property
    def optimizer(self) -> SupportsOptimize:
        """The optimizer; loads the checkpoint if that has not happened yet."""
        return self._given if isinstance(self._given, SupportsOptimize) else _loaded(self._given)

    def result(self, prompt: Prompt) -> OptimizedPrompt:
        """Rewrite one prompt.

        Raises:
            GenerationError: If the optimizer fails and on_error is "raise".
        """
        return self.checked(self.results([prompt])[0])

    async def aresult(self, prompt: Prompt) -> OptimizedPrompt:
        """Like `result`, without blocking the event loop."""
        return self.checked((await self.aresults([prompt]))[0])

    def checked(self, result: OptimizedPrompt) -> OptimizedPrompt:
        """The result itself; raises if it is a failure and on_error is "raise"."""
        if result.reason is Reason.ERROR and self.on_error == "raise":
            raise GenerationError(result.detail)
        return result

    def results(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        """Rewrite many prompts in one call; failures are results with reason `error`, whatever on_error says."""
        if not prompts:
            return []
        clock = _Clock(self._seconds)
        try:
            optimizer = self._given
            if not isinstance(optimizer, SupportsOptimize):
                waiting = None if clock.limit is None else run_in_background(_loaded, optimizer)
                optimizer = waiting.result(clock.left) if waiting else _loaded(optimizer)
            if isinstance(optimizer, PromptOptimizer):
                return optimizer.optimize_batch(prompts, **self._options(clock))
            if clock.limit is None:
                return _trusted(optimizer.optimize_batch(prompts, **self._foreign()), prompts)
            call = run_in_background(optimizer.optimize_batch, prompts, **self._foreign())
            return _trusted(call.result(clock.left), prompts)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the originals go out
            return [_failed(prompt, error, clock) for prompt in prompts]

    async def aresults(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        """Like `results`, without blocking the event loop, loading included."""
        if not prompts:
            return []
        clock = _Clock(self._seconds)
        try:
            optimizer = self._given
            if not isinstance(optimizer, SupportsOptimize):
                loading = asyncio.wrap_future(run_in_background(_loaded, optimizer))
                optimizer = await asyncio.wait_for(loading, clock.left)
            if isinstance(optimizer, PromptOptimizer):
                return await optimizer.aoptimize_batch(prompts, **self._options(clock))
            call = optimizer.aoptimize_batch(prompts, **self._foreign())
            return _trusted(await asyncio.wait_for(call, clock.left), prompts)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the originals go out
            return [_failed(prompt, error, clock) for prompt in prompts]

    @property
    def _seconds(self) -> float | None:
        """The deadline of one call that is ours to keep; an optimizer's own options are its own."""
        deadline = self._overrides.get("deadline_ms")
        return None if deadline is None else deadline / 1000

    def _options(self, clock: "_Clock") -> Overrides:
        """Options of one call of our own optimizer: what loading took is gone from the deadline."""
        options: Overrides = {**self._overrides, "on_error": "passthrough"}
        if clock.left is not None:
            options["deadline_ms"] = max(1.0, clock.left * 1000)
        return options

    def _foreign(self) -> dict[str, Any]:
        """Options that somebody else's optimizer must understand, because the user gave them."""
        return {name: value for name, value in self._overrides.items() if name != "deadline_ms"}

    def __deepcopy__(self, memo: dict[int, object]) -> "RewriteStep":
        """The step itself: it holds settings and a shared optimizer."""
        return self


class _Clock:
    """Counts down a deadline; without one it never ends."""

    def __init__(self, limit: float | None) -> None:
        self.limit, self._started = limit, time.perf_counter()

    @property
    def left(self) -> float | None:
        """Seconds, at least 0."""
        return None if self.limit is None else max(0.0, self.limit - self.spent)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started


_loaded = LoadOnce(PromptOptimizer.from_pretrained)
"""One optimizer per checkpoint for all steps of a process."""


def facts(result: OptimizedPrompt) -> dict[str, Any]:
    """What happened, for traces and events: JSON-able, and without any text of the prompt."""
    return {
        "reason": result.reason.value,
        "changed": result.changed,
        "violations": [violation.check for violation in result.violations],
        "model": result.model,
        "tokens": {"prompt": result.tokens.prompt, "completion": result.tokens.completion},
        "latency_ms": round(result.latency_ms, 1),
    }


def _trusted(results: object, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
    """What somebody else's optimizer returned, each result for its own prompt."""
    if not isinstance(results, Sequence) or len(results) != len(prompts):
        got = f"{len(results)} results" if isinstance(results, Sequence) else type(results).__name__
        raise GenerationError(f"the optimizer returned {got} for {len(prompts)} prompts")
    return [_own(result, prompt) for result, prompt in zip(results, prompts, strict=True)]


def _own(result: object, prompt: Prompt) -> OptimizedPrompt:
    """The result, if it is one and belongs to the prompt; else a failure in its place."""
    if not isinstance(result, OptimizedPrompt) or not isinstance(result.text, str):
        return unchanged(prompt, Reason.ERROR, f"the optimizer returned {type(result).__name__}, no OptimizedPrompt")
    if result.original != _text(prompt):
        return unchanged(prompt, Reason.ERROR, "the optimizer returned the result of another prompt")
    if result.changed and not result.text.strip():
        return unchanged(prompt, Reason.ERROR, "the optimizer returned a blank prompt")
    return result


def _failed(prompt: Prompt, error: Exception, clock: _Clock) -> OptimizedPrompt:
    """The original, because the optimizer was too slow or raised."""
    if isinstance(error, TimeoutError):
        return unchanged(prompt, Reason.DEADLINE, f"no rewrite within {1000 * (clock.limit or 0):g} ms", clock.spent)
    log_failure(logger, "bpo left prompts as they were", error)
    return unchanged(prompt, Reason.ERROR, f"{type(error).__name__}: {error}", clock.spent)


def unchanged(prompt: Prompt, reason: Reason, detail: str = "", seconds: float = 0.0) -> OptimizedPrompt:
    """The original as a result."""
    text = _text(prompt)
    return OptimizedPrompt(
        prompt=prompt, text=text, original=text, changed=False,
        reason=reason, detail=detail, latency_ms=1000 * seconds,
    )  # fmt: skip


def _text(prompt: Prompt) -> str:
    """The text of the newest user turn; "" if there is none or the prompt cannot be read."""
    try:
        return find_target(prompt).text or ""
    except PromptError:
        return ""
