"""Everything LangChain passes to a chat model: find what to rewrite in it, and put the rewrite back.

The type that comes in goes out. Only the text of the newest human turn changes; every other
message, content block, id and key stays the same object.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

from bpo_integrations._langchain_messages import newest_human, read, reason_to_skip, replaced
from bpo_integrations.step import unchanged
from bpo_model import OptimizedPrompt, Prompt, Reason
from bpo_model.messages import find_target, put_back


@dataclass(frozen=True, slots=True)
class Found:
    """What the optimizer gets for an input, and the way back."""

    prompt: Prompt
    with_result: Callable[[OptimizedPrompt], Any]
    """The input with the rewrite in place; called only if the prompt has changed."""
    skip: Reason | None = None
    """Set: there is no need to ask the optimizer."""

    def then(self, wrap: Callable[[Any], Any]) -> "Found":
        """The same, with one more thing to do on the way back."""
        return Found(self.prompt, lambda result: wrap(self.with_result(result)), self.skip)


def find(value: Any, input_key: str | None, *, keep_original: bool) -> Found:
    """Find the text to rewrite.

    Raises:
        TypeError: If this is nothing that a chat model takes, or a dict without the key.
    """
    if isinstance(value, str):
        return Found(value, lambda result: result.text)
    if isinstance(value, StringPromptValue):
        return Found(value.text, lambda result: value.model_copy(update={"text": result.text}))
    if isinstance(value, ChatPromptValue):
        found = _in_messages(value.messages, keep_original)
        return found.then(lambda messages: value.model_copy(update={"messages": messages}))
    if isinstance(value, PromptValue):
        return _nothing(value)
    if isinstance(value, BaseMessage):
        return _in_messages([value], keep_original).then(lambda messages: messages[0])
    if isinstance(value, Mapping):
        return _in_mapping(value, input_key, keep_original)
    if isinstance(value, (list, tuple)):
        return _in_messages(value, keep_original)
    raise TypeError(f"Invalid input type {type(value)}. Must be a PromptValue, str, message(s), or a dict of them.")


def prompts(found: Sequence[Found | TypeError]) -> list[Prompt]:
    """What the optimizer has to see."""
    return [item.prompt for item in found if isinstance(item, Found) and not item.skip]


def in_order(found: Sequence[Found | TypeError], results: Sequence[OptimizedPrompt]) -> list[OptimizedPrompt | None]:
    """The results at the places of their inputs; None where the input cannot be read."""
    rest = iter(results)
    return [
        None if isinstance(item, TypeError) else unchanged(item.prompt, item.skip) if item.skip else next(rest)
        for item in found
    ]


def _in_mapping(value: Mapping[str, Any], input_key: str | None, keep_original: bool) -> Found:
    """The value of one key; the others are not looked at."""
    key = input_key or "messages"
    if key not in value:
        hint = f"it has no key {key!r}" if input_key else "set input_key to the one that holds the prompt"
        raise TypeError(f"Invalid input: a dict with the keys {sorted(map(str, value))}; {hint}.")
    return find(value[key], None, keep_original=keep_original).then(lambda new: {**value, key: new})


def _in_messages(messages: Sequence[Any], keep_original: bool) -> Found:
    """The newest human turn, with what came before it as history."""
    index = newest_human(messages)
    if index is None:
        return _nothing(messages)
    turns = read(messages[: index + 1])
    target = find_target(turns)

    def with_result(result: OptimizedPrompt) -> Any:
        content = list(put_back(turns, target, result.text))[-1]["content"]  # type: ignore[index]  # turns are no str
        original = {"original": result.original, "model": result.model} if keep_original else None
        changed = [*messages[:index], replaced(messages[index], content, original), *messages[index + 1 :]]
        return tuple(changed) if isinstance(messages, tuple) else changed

    return Found(turns, with_result, reason_to_skip(messages[index]))


def _nothing(value: Any) -> Found:
    """There is no text to rewrite."""
    return Found("", lambda result: value, Reason.NO_USER_TEXT)
