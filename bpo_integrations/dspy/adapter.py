"""Rewriting everywhere at once: an adapter that rewrites input fields on their way into the prompt.

Programs, saved states and traces do not change, so that bootstrapped demos hold the user's
words, like labelled ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import dspy

from bpo_integrations.dspy.texts import arewrite_texts, field_names, follows_turns, rewrite_texts, with_rewrites
from bpo_integrations.step import OptimizerLike, RewriteStep
from bpo_model.config import Overrides


def bpo_adapter(
    optimizer: OptimizerLike = None,
    fields: str | Sequence[str] = (),
    base: Any = dspy.ChatAdapter,
    **options: Unpack[Overrides],
) -> Any:
    """An adapter for `dspy.configure(adapter=...)` or `dspy.context(adapter=...)`.

    Applies to every predictor with such an input, also those of DSPy's own modules and
    compilers. The rewrite happens once a call, before the base adapter does anything, also
    when it tries again in JSON.

    Args:
        optimizer: What rewrites, the name of a checkpoint, or None for the embedded default,
            which is loaded with the first prompt.
        fields: The input fields to rewrite, one name or several, wherever they occur.
        base: The adapter to build on, as a class or, with settings of its own, as an object.
        options: `on_error`, `deadline_ms` and all others of `bpo_model.config.Options`.

    Raises:
        TypeError: If the base is no adapter, or the optimizer is none.
        ValueError: If no field is named, or an option cannot work.
    """
    prototype = base() if isinstance(base, type) else base
    if not isinstance(prototype, dspy.Adapter):
        raise TypeError(f"base must be a dspy.Adapter, got {type(prototype).__name__}")
    rewriting = _rewriting(type(prototype), RewriteStep(optimizer, **options), field_names(fields))
    adapter = rewriting.__new__(rewriting)
    vars(adapter).update(vars(prototype))
    return adapter


def _rewriting(kind: type[Any], step: RewriteStep, fields: tuple[str, ...]) -> Any:
    """A subclass of an adapter that rewrites.

    With the same name, because DSPy's StreamListener looks adapters up by it; and with nothing
    to construct, because `dspy.Refine` subclasses it and calls the class without arguments.
    """

    def __call__(self: Any, lm: Any, lm_kwargs: Any, signature: Any, demos: Any, inputs: Mapping[str, Any]) -> Any:
        """Rewrite, then do what the base does; the caller's inputs, which become the trace, stay."""
        results = rewrite_texts(step, _found(fields, inputs), has_history=follows_turns(inputs))
        return kind.__call__(self, lm, lm_kwargs, signature, demos, with_rewrites(inputs, results))

    async def acall(self: Any, lm: Any, lm_kwargs: Any, signature: Any, demos: Any, inputs: Mapping[str, Any]) -> Any:
        """Like `__call__`, without blocking the event loop."""
        results = await arewrite_texts(step, _found(fields, inputs), has_history=follows_turns(inputs))
        return await kind.acall(self, lm, lm_kwargs, signature, demos, with_rewrites(inputs, results))

    body = {"__call__": __call__, "acall": acall, "__doc__": kind.__doc__, "__module__": __name__}
    rewriting = type(kind.__name__, (kind,), body)
    # DSPy wraps these in callbacks again for every subclass, which would fire twice.
    for method in {"format", "parse"} & vars(rewriting).keys():
        delattr(rewriting, method)
    return rewriting


def _found(fields: tuple[str, ...], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this call has."""
    return {name: inputs[name] for name in fields if name in inputs}
