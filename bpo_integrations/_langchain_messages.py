"""LangChain's messages, in all the shapes a list of messages may have: read them, replace one's content."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from bpo_model import Message, Reason

MARKER = "bpo"
"""Key in a human message's `additional_kwargs`: the message is rewritten, and this is what it was before."""

HARNESS = "lc_source"
"""Key by which LangChain marks human messages that it wrote itself, such as summaries."""

_CLASSES: tuple[tuple[type[BaseMessage], str], ...] = (
    (HumanMessage, "user"),
    (AIMessage, "assistant"),
    (SystemMessage, "system"),
    (ToolMessage, "tool"),
    (FunctionMessage, "function"),
)
_ROLES = {
    "user": "user", "human": "user", "assistant": "assistant", "ai": "assistant", "system": "system",
    "developer": "system", "tool": "tool", "function": "function",
}  # fmt: skip


def newest_human(messages: Sequence[Any]) -> int | None:
    """Index of the human turn that waits for an answer; None in the middle of a tool loop.

    Only system messages may come after it: with an AI or tool message behind it the model
    is at work on it already, and it must not change.

    Raises:
        TypeError: If an element is no message, naming it.
    """
    for index in range(len(messages) - 1, -1, -1):
        role = _role(messages[index])
        if role != "system":
            return index if role == "user" else None
    return None


def read(messages: Sequence[Any]) -> list[Message]:
    """The messages as dicts with role and content, the contents being the same objects."""
    return [{"role": _role(message), "content": _content(message)} for message in messages]


def replaced(message: Any, content: Any, original: dict[str, str] | None) -> Any:
    """A copy of the message with other content, and with the original noted where there is a place for it."""
    if isinstance(message, BaseMessage):
        update = {"content": content}
        if original is not None:
            update["additional_kwargs"] = {**message.additional_kwargs, MARKER: original}
        return message.model_copy(update=update)
    if isinstance(message, str):
        return content
    if not isinstance(message, Mapping):
        return type(message)([message[0], content])
    if _is_envelope(message):
        return {**message, "kwargs": {**message["kwargs"], "content": content}}
    return {**message, "content": content}


def reason_to_skip(message: Any) -> Reason | None:
    """Rewritten before, or not written by a person at all."""
    extra = getattr(message, "additional_kwargs", None) or {}
    if MARKER in extra:
        return Reason.ALREADY_OPTIMIZED
    return Reason.NO_USER_TEXT if isinstance(extra.get(HARNESS), str) else None


def _role(message: Any) -> str:
    """The role in the optimizer's words; what is unknown counts as a system message."""
    if isinstance(message, ChatMessage):
        return _ROLES.get(message.role.lower(), "system")
    if isinstance(message, BaseMessage):
        return next((role for kind, role in _CLASSES if isinstance(message, kind)), "system")
    if isinstance(message, str):
        return "user"
    if _is_pair(message):
        return _ROLES.get(message[0].lower(), "system")
    if isinstance(message, Mapping) and ("role" in message or "type" in message):
        if _is_envelope(message):
            return _ROLES.get(str(message["id"][-1]).removesuffix("Chunk").removesuffix("Message").lower(), "system")
        return _ROLES.get(str(message.get("role", message.get("type"))).lower(), "system")
    raise TypeError(f"Invalid message of type {type(message)}: a message, str, (role, content), or dict is needed.")


def _content(message: Any) -> Any:
    """Text or a list of blocks; "" for anything else, such as None."""
    if isinstance(message, BaseMessage):
        return message.content
    if isinstance(message, str):
        return message
    if isinstance(message, Mapping):
        content = (message["kwargs"] if _is_envelope(message) else message).get("content")
    else:
        content = message[1]
    return content if isinstance(content, (str, list)) else ""


def _is_pair(message: Any) -> TypeGuard[Sequence[Any]]:
    """Whether this is LangChain's (role, content)."""
    return isinstance(message, (list, tuple)) and len(message) == 2 and isinstance(message[0], str)


def _is_envelope(message: Mapping[str, Any]) -> bool:
    """Whether this is the serialized form of a message, as `dumpd` writes it."""
    return message.get("lc") == 1 and isinstance(message.get("id"), list) and isinstance(message.get("kwargs"), dict)
