"""BPO in LangChain: `bpo | llm` rewrites and verifies the prompt on its way to the model.

    from bpo_integrations.langchain import BPORunnable

    chain = prompt | BPORunnable() | llm | parser

Whatever type comes in goes out; when in doubt the very same object.
"""

from importlib.metadata import version
from typing import Any, Literal, cast

from bpo_integrations.step import RewriteStep, facts
from bpo_model import AGGRESSIVE, STABLE, GenerationError, MissingDependencyError, OptimizedPrompt
from bpo_model.config import Overrides
from bpo_model.schema import OnError, Rewrite

try:
    from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
    from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
    from langchain_core.messages import AnyMessage
    from langchain_core.prompt_values import ChatPromptValueConcrete, StringPromptValue
    from langchain_core.runnables import RunnableConfig, RunnableSerializable
    from langchain_core.runnables.config import ensure_config, get_config_list
    from pydantic import ConfigDict, Field, model_validator
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.langchain needs langchain-core. Install it with: pip install "bpo-model[langchain]"'
    ) from error

from bpo_integrations._langchain_inputs import Found, find, in_order, prompts

EVENT = "bpo_rewrite"
"""Name of the custom event that says for each input what happened, without its text."""

_MODES = {"stable": STABLE, "aggressive": AGGRESSIVE}


class BPORunnable(RunnableSerializable[Any, Any]):
    """Rewrites the newest human turn of a prompt, in front of any chat model or LLM.

    Takes what chat models take, also a single message, and dicts that hold one of these under
    `messages` or `input_key`; returns the same type. System messages, earlier turns, tool calls, images, ids
    and other keys stay the same objects; an input that is not rewritten is returned as it is.

    Construction is free: the weights are loaded with the first prompt, once a process, and
    shared by all instances. `batch` is one call of the model; single calls from threads and
    event loops that come in at the same time are batched by the model's worker.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    model: str | None = None
    """A checkpoint: folder, or name on the hub; None is the embedded default."""
    optimizer: Any = Field(default=None, exclude=True, repr=False)
    """A ready PromptOptimizer instead of `model`, such as one with another engine. Not serializable."""
    mode: Literal["stable", "aggressive"] | None = None
    """Greedy and repeatable, or the best of four samples; None: what the optimizer says (stable)."""
    candidates: int | None = None
    """Verified best of n; None: what the mode says."""
    iterations: int | None = None
    """How often the result is fed back; None: what the optimizer says (once)."""
    deadline_ms: float | None = None
    """After so many milliseconds the original goes out; None waits."""
    rewrite: Rewrite | None = None
    """"auto" asks the gate, "always" skips it, "never" switches the step off; None: what the optimizer says (auto)."""
    on_error: OnError = "passthrough"
    """What a failing optimizer does: nothing (the original goes out), or a GenerationError."""
    input_key: str | None = None
    """The key of dict inputs that holds the prompt; None: `messages`."""
    output: Literal["same", "text"] = "same"
    """Return the input's type, or always the text of the prompt, such as for a retriever."""
    keep_original: bool = True
    """Note the original in the rewritten message's `additional_kwargs["bpo"]`; it is not sent to providers."""

    @model_validator(mode="after")
    def _check(self) -> "BPORunnable":
        """Refuse options that cannot work when they are set, not when the first prompt comes."""
        if self.model is not None and self.optimizer is not None:
            raise ValueError("give either model or optimizer, not both")
        _ = self._step
        return self

    @property
    def InputType(self) -> Any:
        """What chat models take, and dicts."""
        return str | StringPromptValue | ChatPromptValueConcrete | list[AnyMessage] | dict[str, Any]

    @property
    def OutputType(self) -> Any:
        """The type of the input, or text."""
        return str if self.output == "text" else self.InputType

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:
        """Rewrite one input; further keyword arguments (such as `stop`, meant for the LLM) are ignored.

        Raises:
            TypeError: If the input is nothing that a chat model takes, or a dict without the key.
            GenerationError: If the optimizer fails and on_error is "raise".
        """
        return self._call_with_config(self._invoke, input, self._traced(config))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:
        """Like `invoke`, without blocking the event loop, loading included."""
        return await self._acall_with_config(self._ainvoke, input, self._traced(config))

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **_: Any,
    ) -> list[Any]:
        """Rewrite many inputs in one call of the optimizer, with one run for each."""
        configs = [self._traced(one) for one in get_config_list(config, len(inputs))]
        return self._batch_with_config(self._batch, inputs, configs, return_exceptions=return_exceptions)

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **_: Any,
    ) -> list[Any]:
        """Like `batch`, without blocking the event loop."""
        configs = [self._traced(one) for one in get_config_list(config, len(inputs))]
        return await self._abatch_with_config(self._abatch, inputs, configs, return_exceptions=return_exceptions)

    def variants(self, n: int = 3) -> "BPOVariants":
        """A Runnable that returns several rewrites as list[str], such as for multi-query retrieval."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return BPOVariants(**{**fields, "output": "text", "n": n})

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes; see `to_json` for the exception."""
        return True

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """By its fields; with an injected optimizer not at all, since loading would silently take the default one."""
        return super().to_json() if self.optimizer is None else self.to_json_not_implemented()

    def _invoke(self, value: Any, run_manager: Any, config: RunnableConfig) -> Any:
        """One input: a batch of one."""
        return _value(self._batch([value], None, [config])[0])

    async def _ainvoke(self, value: Any, run_manager: Any, config: RunnableConfig) -> Any:
        """One input: a batch of one."""
        return _value((await self._abatch([value], None, [config]))[0])

    def _batch(self, values: list[Any], run_manager: Any, config: list[RunnableConfig]) -> list[Any]:
        """Outputs in order; what one input does wrong is an exception in its place."""
        found = [self._find(value) for value in values]
        results = in_order(found, self._step.results(prompts(found)))
        for result, one in zip(results, config, strict=True):
            if result is not None:
                dispatch_custom_event(EVENT, facts(result), config=one)
        return [self._output(*item) for item in zip(values, found, results, strict=True)]

    async def _abatch(self, values: list[Any], run_manager: Any, config: list[RunnableConfig]) -> list[Any]:
        """Like `_batch`."""
        found = [self._find(value) for value in values]
        results = in_order(found, await self._step.aresults(prompts(found)))
        for result, one in zip(results, config, strict=True):
            if result is not None:
                await adispatch_custom_event(EVENT, facts(result), config=one)
        return [self._output(*item) for item in zip(values, found, results, strict=True)]

    def _find(self, value: Any) -> Found | TypeError:
        """The text to rewrite, or what is wrong with the input."""
        try:
            return find(value, self.input_key, keep_original=self.keep_original)
        except TypeError as error:
            return error

    def _output(self, value: Any, found: Found | TypeError, result: OptimizedPrompt | None) -> Any:
        """The input with the rewrite in it; the input itself if it stays; or an exception."""
        if isinstance(found, TypeError) or result is None:
            return found
        try:
            self._step.checked(result)
        except GenerationError as error:
            return error
        if self.output == "text":
            return self._text(result)
        return found.with_result(result) if result.changed else value

    def _text(self, result: OptimizedPrompt) -> Any:
        """The output where text is asked for."""
        return result.text

    @property
    def _step(self) -> RewriteStep:
        """The shared step with this instance's options; microseconds, so nothing is kept that copies would lose."""
        return RewriteStep(self.model if self.optimizer is None else self.optimizer, **self._overrides)

    @property
    def _overrides(self) -> Overrides:
        """The options that were set."""
        names = ("candidates", "iterations", "deadline_ms", "rewrite", "on_error")
        given: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.mode is not None:
            given["mode"] = _MODES[self.mode]
        return cast(Overrides, given)

    def _traced(self, config: RunnableConfig | None) -> RunnableConfig:
        """A copy of the config with what a trace should know about this step."""
        config = ensure_config(config)
        metadata = config.get("metadata") or {}
        versions = {**metadata.get("lc_versions", {}), "bpo-model": version("bpo-model")}
        name = self.model or "embedded"
        own = {"ls_provider": "bpo", "ls_model_name": name, "ls_model_type": "llm", "lc_versions": versions}
        return {**config, "metadata": {**metadata, **own}}


class BPOVariants(BPORunnable):
    """Returns up to `n` different verified rewrites of a prompt, or the prompt alone if there is none.

    For `MultiQueryRetriever(llm_chain=bpo.variants(3), include_original=True)`.
    """

    n: int = Field(default=3, ge=1, le=16)
    """How many candidates are drawn; those that fail a check or are equal count once."""

    @property
    def OutputType(self) -> Any:
        """Texts."""
        return list[str]

    @property
    def _overrides(self) -> Overrides:
        """Sampled, all at once, and preferring a rewrite."""
        return {**super()._overrides, "mode": AGGRESSIVE, "candidates": self.n}

    def _text(self, result: OptimizedPrompt) -> list[str]:
        """All of them."""
        return list(result.candidates or [result.text])


def _value(output: Any) -> Any:
    """The output; raises it if it is an exception."""
    if isinstance(output, Exception):
        raise output
    return output
