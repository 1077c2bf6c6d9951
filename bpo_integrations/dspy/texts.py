"""Named texts of a DSPy program through the rewriting step: what all surfaces of this package share."""

from collections.abc import Mapping, Sequence
from typing import Any

import dspy

from bpo_integrations.step import RewriteStep, unchanged
from bpo_model import OptimizedPrompt, Prompt, Reason

HEADER = "[[ ##"
"""How DSPy's chat format marks fields; one more of them and an answer would be cut in the wrong place."""


def rewrite_texts(
    step: RewriteStep, values: Mapping[str, Any], *, has_history: bool = False
) -> dict[str, OptimizedPrompt]:
    """Results by name, for the values that are text and not blank, from one call of the optimizer.

    Args:
        step: What rewrites.
        values: Anything by name; what is no text has no result.
        has_history: Whether earlier turns come before, which "make it shorter" points back at.

    Raises:
        GenerationError: If the optimizer fails and the step's on_error is "raise".
    """
    prompts = _prompts(values, has_history)
    return _by_name(step, prompts, step.results(list(prompts.values())))


async def arewrite_texts(
    step: RewriteStep, values: Mapping[str, Any], *, has_history: bool = False
) -> dict[str, OptimizedPrompt]:
    """Like `rewrite_texts`, without blocking the event loop."""
    prompts = _prompts(values, has_history)
    return _by_name(step, prompts, await step.aresults(list(prompts.values())))


def with_rewrites(values: Mapping[str, Any], results: Mapping[str, OptimizedPrompt]) -> dict[str, Any]:
    """A copy of the values with the rewrites in it; what was not rewritten stays the same object."""
    return {**values, **{name: result.text for name, result in results.items() if result.changed}}


def field_names(fields: str | Sequence[str]) -> tuple[str, ...]:
    """The names of fields to rewrite, from one name or several.

    Raises:
        ValueError: If there is none.
    """
    names = (fields,) if isinstance(fields, str) else tuple(fields)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"fields must name at least one input field, such as 'question', got {fields!r}")
    return names


def follows_turns(inputs: Mapping[str, Any]) -> bool:
    """Whether a `dspy.History` with turns in it is among the inputs."""
    return any(isinstance(value, dspy.History) and value.messages for value in inputs.values())


def keeps_format(original: str, text: str) -> bool:
    """Whether a text can be sent where the original could: valid Unicode, and no new field header.

    DSPy raises on lone surrogates, long after the rewriting.
    """
    return text.count(HEADER) == original.count(HEADER) and not any("\ud800" <= char <= "\udfff" for char in text)


def _prompts(values: Mapping[str, Any], has_history: bool) -> dict[str, Prompt]:
    """What the optimizer sees: texts, or turns after an empty one, so that follow-ups are recognized."""
    texts = {name: value for name, value in values.items() if isinstance(value, str) and value.strip()}
    if not has_history:
        return dict(texts)
    before = {"role": "assistant", "content": ""}
    return {name: [before, {"role": "user", "content": text}] for name, text in texts.items()}


def _by_name(
    step: RewriteStep, prompts: Mapping[str, Prompt], results: Sequence[OptimizedPrompt]
) -> dict[str, OptimizedPrompt]:
    """The results with their names; counted, and rejected if DSPy could not send them."""
    _report_usage(results)
    pairs = zip(prompts.items(), results, strict=True)
    return {name: _sendable(prompt, step.checked(result)) for (name, prompt), result in pairs}


def _sendable(prompt: Prompt, result: OptimizedPrompt) -> OptimizedPrompt:
    """The result; the original in its place if its text would break DSPy's format."""
    if not result.changed or keeps_format(result.original, result.text):
        return result
    return unchanged(prompt, Reason.REJECTED, "the rewrite holds field headers or characters that DSPy cannot send")


def _report_usage(results: Sequence[OptimizedPrompt]) -> None:
    """Tell DSPy's usage tracker what the optimizer read and wrote; nothing for remembered rewrites."""
    tracker = dspy.settings.usage_tracker
    for result in results if tracker is not None else ():
        read, wrote = result.tokens.prompt, result.tokens.completion
        if read + wrote:
            entry = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
            tracker.add_usage(f"bpo/{result.model or 'optimizer'}", entry)
