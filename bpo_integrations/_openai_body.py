"""Where the newest user turn stands in the body of a request to OpenAI's API, and how to exchange it.

Works on what the SDK is about to send, so `messages` and `input` are JSON already: its own
parameter types and pydantic items have been written out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpo_model import OptimizedPrompt, Prompt, PromptError
from bpo_model.messages import ROLES, Target, find_target, put_back
from bpo_model.schema import Message

ROUTES = {"/chat/completions": "messages", "/responses": "input"}
"""The routes that carry prompts, and the key of the body that holds them."""
EARLIER = ("previous_response_id", "conversation")
"""Keys of a body that continues turns which only the server knows."""


@dataclass(frozen=True, slots=True)
class RequestPrompt:
    """A request body and the prompt in it."""

    body: Mapping[str, Any]
    key: str
    """The key of the body under which the prompt stands."""
    target: Target
    """Its text is None if the request does not end in a user turn with one text."""
    prompt: Prompt
    """What the optimizer sees: the text, or all turns as messages."""

    def body_with(self, result: OptimizedPrompt) -> Mapping[str, Any]:
        """The body to send; the very same one if nothing changed. The caller's lists are never written to."""
        if not result.changed:
            return self.body
        return {**self.body, self.key: put_back(self.body[self.key], self.target, result.text)}


def find_prompt(path: str, arguments: Mapping[str, Any]) -> RequestPrompt | None:
    """Find the prompt in the arguments of the SDK's `post`.

    None, and the request is none of our business: another route, a prompt template that the
    server fills in, messages that `extra_body` replaces, or a body that the server will refuse.
    """
    key, body = ROUTES.get("/" + path.partition("?")[0].strip("/")), arguments.get("body")
    if key is None or not isinstance(body, Mapping):
        return None
    extra = (arguments.get("options") or {}).get("extra_json") or {}
    sent, value = {**body, **extra}, body.get(key)
    if key in extra or sent.get("prompt") or not isinstance(value, (str, list, tuple)):
        return None
    turns = value if isinstance(value, str) else [_turn(item) for item in value]
    try:
        target = find_target(turns)
    except PromptError:
        return None
    return RequestPrompt(body, key, target, _after_earlier(turns) if any(map(sent.get, EARLIER)) else turns)


def _turn(item: object) -> Message:
    """A message as it is; all else (tool calls and their outputs, reasoning) as a turn that is not the user's."""
    if isinstance(item, Mapping) and item.get("type", "message") == "message" and item.get("role") in ROLES:
        return item
    return {"role": "assistant", "content": ""}


def _after_earlier(turns: str | Sequence[Message]) -> Prompt:
    """The turns with an empty one before them, or "make it shorter" would look like a prompt of its own."""
    messages = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
    return [{"role": "assistant", "content": ""}, *messages]
