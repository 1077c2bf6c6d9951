"""BPO in LangChain agents: a middleware for `create_agent`.

    from bpo_integrations.langchain_agents import BPOMiddleware

    agent = create_agent(model, tools, middleware=[BPOMiddleware()])

The model sees the rewrite; state, history and checkpoints keep the user's words.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NotRequired, TypeAlias, cast

from bpo_integrations.langchain import BPORunnable
from bpo_model import MissingDependencyError, SupportsOptimize
from bpo_model.schema import OnError, Rewrite

try:
    from langchain.agents.middleware.types import (
        AgentMiddleware,
        AgentState,
        ExtendedModelResponse,
        ModelRequest,
        ModelResponse,
        PrivateStateAttr,
    )
    from langgraph.types import Command
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.langchain_agents needs langchain. Install it with: pip install "bpo-model[langchain-agents]"'
    ) from error

from langchain_core.messages import AnyMessage

from bpo_integrations._langchain_messages import MARKER, newest_human, replaced

Rewrites: TypeAlias = dict[str, dict[str, Any]]
"""Per message id: `src`, the hash of the content that was rewritten; `content`, the rewrite; `bpo`, what it was."""
Response: TypeAlias = ModelResponse[Any] | ExtendedModelResponse[Any]


class BPOState(AgentState[Any]):
    """The agent's state, with the rewrites beside the messages."""

    bpo_rewrites: NotRequired[Annotated[Rewrites, PrivateStateAttr]]


class BPOMiddleware(AgentMiddleware[BPOState, Any]):
    """Rewrites each new human message once, when the model is about to see it.

    The rewrite is kept in the state beside the message and applied again in tool loops and
    later turns, so that the model's prompt grows at its end only (provider caches stay
    valid). It is bound to a hash of the content: a message that was edited or redacted since
    is never replaced by a rewrite of its older text. Sits well with PIIMiddleware in either order.
    """

    state_schema = BPOState

    def __init__(
        self,
        optimizer: SupportsOptimize | str | None = None,
        *,
        deadline_ms: float | None = None,
        rewrite: Rewrite | None = None,
        on_error: OnError = "passthrough",
    ) -> None:
        """Take an optimizer, the name of a checkpoint, or None for the embedded default.

        One instance may serve any number of agents and threads.
        """
        super().__init__()
        which = {"model": optimizer} if isinstance(optimizer, str) else {"optimizer": optimizer}
        self.bpo = BPORunnable(deadline_ms=deadline_ms, rewrite=rewrite, on_error=on_error, **which)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> Response:
        """Apply the known rewrites, and rewrite a human message that is new."""
        turns = _unanswered(request)
        if not turns:
            return handler(_applied(request, _known(request)))
        known = _learned(request, turns[-1], self.bpo.invoke(turns)[-1])
        return _response(handler(_applied(request, known)), known)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> Response:
        """Like `wrap_model_call`, without blocking the event loop."""
        turns = _unanswered(request)
        if not turns:
            return await handler(_applied(request, _known(request)))
        known = _learned(request, turns[-1], (await self.bpo.ainvoke(turns))[-1])
        return _response(await handler(_applied(request, known)), known)


def _unanswered(request: ModelRequest[Any]) -> list[AnyMessage]:
    """The messages up to a human one that has no answer and no rewrite yet; empty if there is none."""
    index = newest_human(request.messages)
    if index is None or _is_current(request.messages[index], _known(request)):
        return []
    return request.messages[: index + 1]


def _applied(request: ModelRequest[Any], known: Rewrites) -> ModelRequest[Any]:
    """The request with every rewrite whose message still has the content that was rewritten."""
    messages = [
        replaced(message, known[_key(message)]["content"], known[_key(message)][MARKER])
        if _is_current(message, known)
        else message
        for message in request.messages
    ]
    return request.override(messages=messages)


def _learned(request: ModelRequest[Any], original: AnyMessage, rewritten: AnyMessage) -> Rewrites:
    """The known rewrites with a new one, without those of messages that are gone."""
    present = {_key(message) for message in [*request.state["messages"], *request.messages]}
    known = {key: rewrite for key, rewrite in _known(request).items() if key in present}
    known.pop(_key(original), None)
    if rewritten is not original:
        marker = rewritten.additional_kwargs[MARKER]
        known[_key(original)] = {"src": _hash(original), "content": rewritten.content, MARKER: marker}
    return known


def _response(response: ModelResponse[Any], known: Rewrites) -> ExtendedModelResponse[Any]:
    """The model's answer, and the rewrites for the state; not kept if the model fails, then the call is repeated."""
    return ExtendedModelResponse(model_response=response, command=Command(update={"bpo_rewrites": known}))


def _known(request: ModelRequest[Any]) -> Rewrites:
    """The rewrites in the state."""
    return cast(Rewrites, request.state.get("bpo_rewrites") or {})


def _is_current(message: AnyMessage, known: Rewrites) -> bool:
    """Whether a rewrite of just this content is known."""
    rewrite = known.get(_key(message))
    return rewrite is not None and rewrite["src"] == _hash(message)


def _key(message: AnyMessage) -> str:
    """The message's id; messages that another middleware added for one call have none."""
    return message.id or _hash(message)


def _hash(message: AnyMessage) -> str:
    """A fingerprint of the content."""
    text = json.dumps(message.content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
