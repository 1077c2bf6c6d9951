"""Answers of the user's own LLM to a prompt, piece by piece; the key stays in this process."""

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bpo_model.errors import MissingDependencyError

TIMEOUT_S = 120.0
"""Without a sign of life."""
MAX_CHARACTERS = 100_000
"""Of an answer; a model that never stops must not fill the page."""


@dataclass(frozen=True, slots=True)
class Llm:
    """A server that speaks OpenAI's API."""

    url: str
    """Such as http://localhost:11434/v1."""
    model: str
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the key; it is read with every request and never kept."""

    def __post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ValueError: If the address or the model is missing.
            MissingDependencyError: Without the extra `openai`.
        """
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"--llm-url must start with http:// or https://, got {self.url!r}")
        if not self.model:
            raise ValueError("--llm-url needs --llm-model, the name of the model on that server")
        try:
            import openai  # noqa: F401
        except ImportError as error:
            what = "--llm-url needs openai, which is not installed."
            raise MissingDependencyError(f'{what} Install it with: pip install "bpo-model[ui,openai]"') from error

    @property
    def host(self) -> str:
        """Where prompts are sent, without a password."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    async def answer(self, prompt: str) -> AsyncIterator[dict[str, str]]:
        """`text` pieces in order; whatever goes wrong is an `error` at the end, never an exception."""
        key = os.environ.get(self.key_variable, "").strip()
        length = 0
        try:
            async for piece in self._pieces(prompt, key):
                length += len(piece)
                yield {"text": piece}
                if length > MAX_CHARACTERS:
                    yield {"error": f"stopped after {MAX_CHARACTERS} characters"}
                    return
            if not length:
                yield {"error": "the answer is empty"}
        except Exception as error:  # noqa: BLE001  # whatever client and server do is shown beside the other answer
            said = self._explain(error)
            yield {"error": said.replace(key, "***") if key else said}

    async def _pieces(self, prompt: str, key: str) -> AsyncIterator[str]:
        """The answer as the server sends it: streamed, or in one piece from a server that does not stream."""
        import openai

        client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=self.url,
            timeout=TIMEOUT_S,
            max_retries=0,  # somebody is waiting, sees why it failed, and can press again
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),  # prompts and key go to the url only
        )
        create = client.chat.completions.with_streaming_response.create
        async with (
            client,
            create(model=self.model, messages=[{"role": "user", "content": prompt}], stream=True) as reply,
        ):
            if "event-stream" not in reply.headers.get("content-type", ""):
                yield _text(json.loads(await reply.text()))
                return
            async for chunk in await reply.parse():
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    def _explain(self, error: Exception) -> str:
        """What happened, in a line."""
        import openai

        if isinstance(error, openai.APIStatusError):
            body: Any = error.body
            said = body.get("message") if isinstance(body, dict) else None
            hint = f" (is the key in ${self.key_variable}?)" if error.status_code in (401, 403) else ""
            return (
                f"{self.host} answered {error.status_code}{hint}: {_one_line(str(said or body or 'without a reason'))}"
            )
        if isinstance(error, openai.APITimeoutError):
            return f"{self.host} did not answer within {TIMEOUT_S:g} s"
        if isinstance(error, openai.APIConnectionError):
            return f"{self.host} could not be reached: {_one_line(repr(error.__cause__))}"
        return f"{self.host}: {type(error).__name__}: {_one_line(str(error))}"


def _text(reply: Any) -> str:
    """The text of a reply that came in one piece."""
    try:
        return str(reply["choices"][0]["message"]["content"] or "")
    except (LookupError, TypeError):
        raise ValueError("the reply holds no answer") from None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:300]
