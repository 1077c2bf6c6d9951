"""Hop one and hop six: take the text to rewrite out of a prompt, and put it back.

Only the newest user turn is ever touched. All other messages, and all other parts of
that turn, stay the same objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from bpo_model.errors import PromptError
from bpo_model.schema import Message, Prompt

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class Target:
    """The text to rewrite and the place it came from."""

    text: str | None
    """None: there is no such text, and the prompt goes out as it came."""
    message: int = -1
    """Index of the message; -1 for a plain string."""
    part: int = -1
    """Index of the content part; -1 when the content is a string."""
    has_history: bool = False
    """Whether turns of the conversation come before it."""


def find_target(prompt: Prompt) -> Target:
    """Find the newest user turn.

    The turn counts only if it is the last message: after an assistant or tool message
    the model is in the middle of its work, and the prompt must not change under it.

    Raises:
        PromptError: If the prompt is neither text nor a list of messages.
    """
    if isinstance(prompt, str):
        return Target(prompt)
    if not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray)):
        hint = "; one message goes into a list, and a batch takes a list of such lists" if _is_message(prompt) else ""
        raise PromptError(f"a prompt is a str or a list of messages, got {type(prompt).__name__}{hint}")
    if not prompt:
        raise PromptError("the list of messages is empty; it needs at least one user message")
    messages = cast(Sequence[Message], prompt)
    for index, message in enumerate(messages):
        _check(message, index)
    last = len(messages) - 1
    if messages[last]["role"] != "user":
        return Target(None)
    history = any(message["role"] in ("user", "assistant") for message in messages[:last])
    return _target_in(messages[last]["content"], last, history)


def _is_message(prompt: object) -> bool:
    """Whether it is what a list of messages holds."""
    return isinstance(prompt, Mapping) and "role" in prompt


def _check(message: Message, index: int) -> None:
    """Refuse a message that cannot be read."""
    if not isinstance(message, Mapping):
        hint = "; for several prompts use optimize_batch" if isinstance(message, str) else ""
        raise PromptError(f"message {index} must be a dict with role and content, got {type(message).__name__}{hint}")
    role = message.get("role")
    if role not in ROLES:
        raise PromptError(f"message {index} has role {role!r}; known roles: {', '.join(ROLES)}")
    content = message.get("content")
    parts = isinstance(content, Sequence) and not isinstance(content, (str, bytes))
    if role == "user" and not isinstance(content, str) and not parts:
        raise PromptError(f"message {index} needs content as text or as a list of parts, got {type(content).__name__}")


def _target_in(content: str | Sequence[object], message: int, history: bool) -> Target:
    """The text of a user turn; none if it has several, since either could be the instruction."""
    if isinstance(content, str):
        return Target(content, message, -1, history)
    texts = [index for index, part in enumerate(content) if _text_of(part)]
    if len(texts) != 1:
        return Target(None)
    return Target(_text_of(content[texts[0]]), message, texts[0], history)


def _text_of(part: object) -> str:
    """The text of a content part; "" for images and the like."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type") in ("text", "input_text") and isinstance(part.get("text"), str):
        return str(part["text"])
    return ""


def put_back(prompt: Prompt, target: Target, text: str) -> Prompt:
    """The prompt with another text in the same place; the same object if the text is the same."""
    if text == target.text or target.text is None:
        return prompt
    if isinstance(prompt, str):
        return text
    messages = list(prompt)
    content = messages[target.message]["content"]
    messages[target.message] = {**messages[target.message], "content": _replaced(content, target.part, text)}
    return tuple(messages) if isinstance(prompt, tuple) else messages


def _replaced(content: str | Sequence[object], part: int, text: str) -> str | list[object]:
    """Message content with one text exchanged."""
    if isinstance(content, str):
        return text
    parts, old = list(content), content[part]
    parts[part] = {**old, "text": text} if isinstance(old, Mapping) else text
    return parts
