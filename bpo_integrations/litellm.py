"""BPO in a LiteLLM proxy: every application behind the gateway gains the step from two lines of YAML.

    litellm_settings:
      callbacks: bpo_integrations.litellm.bpo

Covers chat completions, OpenAI's Responses and Anthropic's Messages, streamed or not, whatever the
provider. Legacy completions, Google's own route, realtime, batches and pass-through go by as they are.

The environment sets `BPO_CHECKPOINT` (default: embedded) and `BPO_DEADLINE_MS` (default: 2000). Off for
one request: the header `x-bpo: off`, or `"metadata": {"bpo": "off"}`; off for a key: the same in the
key's metadata. The reason is in the response header `x-bpo-reason` (LiteLLM leaves it out of errors of
Anthropic's route) and, for loggers, in the request's metadata under `bpo`.
"""

import logging
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from bpo_integrations._replay import Replay, fingerprints
from bpo_integrations.step import OptimizerLike, RewriteStep, facts, unchanged
from bpo_model import MissingDependencyError, OptimizedPrompt, PromptError, Reason
from bpo_model.log import log_failure
from bpo_model.messages import ROLES, Target, find_target, put_back
from bpo_model.schema import Message, Prompt

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.litellm needs LiteLLM. Install it with: pip install "bpo-model[litellm]"'
    ) from error

logger = logging.getLogger(__name__)

ROUTES = {
    "completion": "messages", "acompletion": "messages", "anthropic_messages": "messages",
    "responses": "input", "aresponses": "input",
}  # fmt: skip
"""LiteLLM's call types that carry prompts, and the key of the request that holds them."""
EARLIER = ("previous_response_id", "conversation")
"""Keys of a request that continues turns which only the provider knows."""
DEADLINE_MS = 2000.0
_METADATA = ("litellm_metadata", "metadata")


class BPOCallback(CustomLogger):
    """Rewrites the newest user turn of every request that passes the proxy; never fails one.

    Earlier turns get the text again that they were sent with when they were the newest, as long as
    this process remembers, so that the provider's prompt cache holds. For other settings make an
    instance: LiteLLM does not call hooks that a subclass inherits.
    """

    def __init__(self, optimizer: OptimizerLike = None, *, deadline_ms: float | None = None) -> None:
        """Take an optimizer, the name of a checkpoint, or None for what the environment says."""
        super().__init__()
        self._optimizer, self._deadline_ms = optimizer, deadline_ms
        self._replay = Replay()

    @cached_property
    def _step(self) -> RewriteStep:
        """Built with the first request: the proxy sets `environment_variables` after it loads callbacks."""
        optimizer = os.environ.get("BPO_CHECKPOINT") if self._optimizer is None else self._optimizer
        deadline = self._deadline_ms or float(os.environ.get("BPO_DEADLINE_MS", DEADLINE_MS))
        return RewriteStep(optimizer, deadline_ms=deadline)

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """LiteLLM's hook before the request goes to a provider."""
        try:
            key = ROUTES.get(call_type)
            if key and data.get(key) and not data.get("prompt"):  # a template, which the provider fills in
                off = _switched_off(data, getattr(user_api_key_dict, "metadata", None))
                await self._rewrite(data, key, off=off)
        except Exception as error:  # noqa: BLE001  # a request must never fail because of us
            log_failure(logger, "bpo left a request as it was", error)
        return data

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """LiteLLM's hook for response headers, streamed responses included."""
        for place in _places(data):
            found = place.get("bpo")
            if isinstance(found, _Facts):
                return {"x-bpo-reason": found["reason"], "x-bpo-latency-ms": str(found["latency_ms"])}
        return None

    async def _rewrite(self, data: dict[str, Any], key: str, *, off: bool) -> None:
        """Put the rewrite, and those of earlier turns, into the request."""
        value, elsewhere = data[key], any(map(data.get, EARLIER))
        try:
            turns: Any = [_turn(item) for item in value] if isinstance(value, list) else value
            target = find_target(turns)
        except PromptError:
            return  # the provider will say what is wrong with it
        if off or target.text is None:
            result = unchanged(turns, Reason.SWITCHED_OFF if off else Reason.NO_USER_TEXT)
        else:
            result = await self._step.aresult(_after_earlier(turns) if elsewhere else turns)
        if elsewhere:  # the provider has the earlier turns as they were sent
            data[key] = put_back(value, target, result.text)
        elif not off:
            data[key] = self._sent(value, turns, target, result)
        _note(data, result)

    def _sent(self, value: Any, turns: Any, target: Target, result: OptimizedPrompt) -> Prompt:
        """What goes to the provider in place of the value."""
        several = isinstance(value, list)
        prints = fingerprints(value if several else [{"role": "user", "content": value}])
        if result.changed:
            self._replay.remember(prints[-1], result.text)
        return put_back(self._replay.earlier(value, turns, prints) if several else value, target, result.text)


bpo = BPOCallback()
"""The instance for the proxy's YAML."""


def _turn(item: object) -> Message:
    """A message as it is; tool results, in whatever form, and all else as turns that are not the user's."""
    if isinstance(item, Mapping) and item.get("type", "message") == "message" and item.get("role") in ROLES:
        content = item.get("content")
        parts = content if isinstance(content, list) else []
        if not any(isinstance(part, Mapping) and part.get("type") == "tool_result" for part in parts):
            return item
    return {"role": "tool", "content": ""}


def _after_earlier(turns: Any) -> Any:
    """The turns with an empty one before them: the provider knows earlier ones, and the gate has to know that."""
    messages = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
    return [{"role": "assistant", "content": ""}, *messages]


def _switched_off(data: Mapping[str, Any], key_metadata: Any) -> bool:
    """Whether the request or its key says so."""
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    places = [*_places(data), key_metadata] if isinstance(key_metadata, Mapping) else _places(data)
    said = [place.get("bpo") for place in places]
    return any(value is False or str(value).lower() == "off" for value in [*said, headers.get("x-bpo")])


def _places(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The request's metadata; where it is depends on the route, and a client may send any JSON."""
    return [data[name] for name in _METADATA if isinstance(data.get(name), Mapping)]


class _Facts(dict[str, Any]):
    """What happened to a request; a type of its own, because a client can write a dict into its metadata."""


def _note(data: dict[str, Any], result: OptimizedPrompt) -> None:
    """Leave the facts where LiteLLM's loggers and the header hook find them; providers do not get this."""
    name = next((name for name in _METADATA if isinstance(data.get(name), Mapping)), _METADATA[0])
    others = data[name] if isinstance(data.get(name), Mapping) else {}
    data[name] = {**others, "bpo": _Facts(facts(result))}
