"""The HTTP client of the `openai` engine: what the SDK lacks for a server that is not to be trusted."""

from collections.abc import AsyncIterator
from typing import Any

from bpo_model.errors import GenerationError, MissingDependencyError

MOST_BYTES = 8_000_000
"""Of one reply; a rewrite has some hundreds. A server that sends without end fills the memory before its time is up."""


def require_openai() -> None:
    """Raise MissingDependencyError unless the client library is there."""
    try:
        import openai  # noqa: F401
    except ImportError as error:
        what = "bpo_model.engines.openai needs openai, which is not installed."
        raise MissingDependencyError(f'{what} Install it with: pip install "bpo-model[openai]"') from error


def bounded_client() -> Any:
    """The SDK's own client, but prompts go to `base_url` only, and a reply has an end."""
    import httpx
    import openai

    class Bounded(httpx.AsyncByteStream):
        """A reply's bytes as they come, up to the limit."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MOST_BYTES
            async for piece in self._stream:
                left -= len(piece)
                if left < 0:
                    raise GenerationError(f"the reply is longer than {MOST_BYTES:,} bytes")
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def bound(response: httpx.Response) -> None:
        response.stream = Bounded(response.stream)

    return openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [bound]})
