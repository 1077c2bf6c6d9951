"""An OpenAI client that rewrites prompts before it sends them, and is otherwise the client that it was.

The rewrite happens in `post`, the one public method of the client that chat completions and
responses of every kind go through once a call: create, parse, stream, raw and streaming
responses, sync and async, and before the SDK retries or Azure changes the address.

Not covered, and sent as it is: the legacy `completions`, batches, assistants, realtime and
websocket connections, and `responses.input_tokens`, which counts the original.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar, Unpack, cast

from bpo_integrations._openai_body import RequestPrompt, find_prompt
from bpo_integrations.step import OptimizerLike, RewriteStep, unchanged
from bpo_model import MissingDependencyError, OptimizedPrompt, Reason
from bpo_model.config import Overrides

try:
    from openai import AsyncOpenAI, OpenAI
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.openai needs openai. Install it with: pip install "bpo-model[openai]"'
    ) from error

Client = TypeVar("Client", bound=OpenAI | AsyncOpenAI)


def wrap_openai(client: Client, optimizer: OptimizerLike = None, **options: Unpack[Overrides]) -> Client:
    """A client of the same type whose prompts are rewritten; the one that was given stays as it is.

    Both share connections and settings, so closing either closes both; so do all copies made
    with `with_options`, which rewrite, too. Wrapping a wrapped client replaces its optimizer.
    Tools that patch a client in place (tracers) must come after this one.

    Only the text of the newest user turn changes, and only if that turn is the last item: an
    agent in the middle of its tool calls is left alone, and so are prompt templates.

    Args:
        client: OpenAI, AsyncOpenAI, their Azure twins or any other subclass with a working `copy`.
        optimizer: What rewrites, the name of a checkpoint, or None for the embedded default,
            which is loaded with the first prompt.
        options: `on_error` ("passthrough": a failing optimizer changes nothing; "raise": the call
            raises GenerationError), `deadline_ms`, `rewrite` and all others of `bpo_model.config.Options`.

    Raises:
        TypeError: If the client is no OpenAI client, or the optimizer no optimizer.
        ValueError: If an option cannot work.
    """
    if not isinstance(client, (OpenAI, AsyncOpenAI)):
        raise TypeError(f"client must be an OpenAI or AsyncOpenAI client, got {type(client).__name__}")
    wrapped: Any = client.copy()
    if not hasattr(wrapped, "_bpo_step"):
        wrapped.__class__ = _rewriting(wrapped.__class__)
    wrapped._bpo_step = RewriteStep(optimizer, **options)
    return cast(Client, wrapped)


def rewrite_of(response: object) -> OptimizedPrompt | None:
    """What happened to the prompt of a response: original, text, reason.

    Takes whatever a wrapped client returned: a completion or response, parsed or not, a stream,
    a raw response, or the stream inside `with client.chat.completions.stream(...) as stream`.

    None if no prompt was looked at, and for what the SDK makes later from what it returned: ask
    the raw response, not its `parse()`; the stream, not its chunks, events or final completion.
    """
    for source in (response, getattr(response, "_raw_stream", None)):  # the stream inside a stream helper
        found = getattr(source, "_bpo_rewrite", None)
        if isinstance(found, OptimizedPrompt):
            return found
    return None


@cache
def _rewriting(base: type[Any]) -> type[Any]:
    """A subclass of a client's class that rewrites; with the same name, because the SDK tells it to the server.

    Made from functions: a client can change to a class with one base only, not to one with a mixin.
    """
    post = _async_post(base) if issubclass(base, AsyncOpenAI) else _post(base)
    copy = _copy(base)
    return type(base.__name__, (base,), {"post": post, "copy": copy, "with_options": copy})


def _post(base: type[Any]) -> Callable[..., Any]:
    """`post` with the prompt rewritten."""

    def post(self: Any, path: str, **arguments: Any) -> Any:
        """Rewrite the prompt, then send the request, with all its retries."""
        found = find_prompt(path, arguments)
        if found is None:
            return base.post(self, path, **arguments)
        result = _left_alone(found) or self._bpo_step.result(found.prompt)
        return _noted(base.post(self, path, **{**arguments, "body": found.body_with(result)}), result)

    return post


def _async_post(base: type[Any]) -> Callable[..., Any]:
    """`post` of an async client with the prompt rewritten."""

    async def post(self: Any, path: str, **arguments: Any) -> Any:
        """Rewrite the prompt, then send the request, with all its retries."""
        found = find_prompt(path, arguments)
        if found is None:
            return await base.post(self, path, **arguments)
        result = _left_alone(found) or await self._bpo_step.aresult(found.prompt)
        return _noted(await base.post(self, path, **{**arguments, "body": found.body_with(result)}), result)

    return post


def _copy(base: type[Any]) -> Callable[..., Any]:
    """`copy` that hands the optimizer on."""

    def copy(self: Any, **changes: Any) -> Any:
        """A client with other options, the same connections and the same optimizer."""
        copied = base.copy(self, **changes)
        copied._bpo_step = self._bpo_step
        return copied

    return copy


def _left_alone(found: RequestPrompt) -> OptimizedPrompt | None:
    """The result for a request that holds no text to rewrite: no optimizer needs to see it."""
    return unchanged(found.prompt, Reason.NO_USER_TEXT) if found.target.text is None else None


def _noted(response: Any, result: OptimizedPrompt) -> Any:
    """The response, with the result where `rewrite_of` looks for it.

    An attribute, like the SDK's own `_request_id`: it belongs to one response however many are
    under way, stays with copies, and is no field, so that dumps and comparisons do not see it.
    """
    with suppress(AttributeError):  # a server that does not answer in JSON leaves plain text
        response._bpo_rewrite = result
    return response
