"""Chat endpoints: any OpenAI-compatible server, and the embedded base model on loopback."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from bpo_model.checkpoint import load_checkpoint
from bpo_model.compare.types import Chat, Message, Reply
from bpo_model.cores import default_threads

RETRIES = 4
SECONDS = 300.0


@asynccontextmanager
async def openai_chat(base_url: str, model: str) -> AsyncIterator[Chat]:
    """A model behind an OpenAI-compatible URL; the key, if it wants one, is in OPENAI_API_KEY."""
    from openai import AsyncOpenAI

    key = os.environ.get("OPENAI_API_KEY", "none")
    async with AsyncOpenAI(base_url=base_url, api_key=key, max_retries=RETRIES, timeout=SECONDS) as client:

        async def chat(messages: Sequence[Message], **params: Any) -> Reply:
            turns: Any = list(messages)
            found = await client.chat.completions.create(model=model, messages=turns, **params)
            choice, usage = found.choices[0], found.usage
            return Reply(
                text=choice.message.content or "", model=found.model, finish_reason=choice.finish_reason,
                tokens_in=usage.prompt_tokens if usage else 0, tokens_out=usage.completion_tokens if usage else 0,
            )  # fmt: skip

        yield chat


@contextmanager
def serve_base() -> Iterator[str]:
    """Serve the base model of the embedded optimizer on loopback; yields the base URL, ending in /v1."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_parallel, parameters.n_ctx, parameters.verbosity = 1, 4096, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = default_threads()
    # A cached prefix changes the last bits of what follows: an answer would depend on the question before it.
    parameters.cache_prompt, parameters.cache_ram_mib = False, 0
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
