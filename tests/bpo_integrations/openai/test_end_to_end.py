"""The embedded optimizer in front of a model that answers: llama.cpp's own server on loopback."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion

from bpo_integrations.openai import rewrite_of, wrap_openai
from bpo_model import PromptOptimizer, Reason
from bpo_model.checkpoint import load_checkpoint

EXAMPLE = Path(__file__).parents[3] / "examples" / "openai_client.py"
KEY = secrets.token_urlsafe(24)
ASKED = "how do volcanoes work"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The base model without the adapter, with one slot."""
    import xllamacpp

    base, _ = load_checkpoint().find_files()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(base)
    parameters.n_parallel, parameters.n_ctx = 1, 2048
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_ram_mib, parameters.warmup, parameters.verbosity = 0, False, -1
    parameters.api_keys = [KEY]
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def ask(client: OpenAI, prompt: str) -> ChatCompletion:
    return client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": prompt}], max_tokens=12, temperature=0
    )


def tokens_read(completion: ChatCompletion) -> int:
    assert completion.usage is not None
    return completion.usage.prompt_tokens


def test_the_model_answers_the_embedded_optimizers_rewrite(url: str, optimizer: PromptOptimizer) -> None:
    with OpenAI(base_url=url, api_key=KEY) as plain:
        completion = ask(wrap_openai(plain), ASKED)
        result = rewrite_of(completion)
        assert result is not None
        assert (result.original, result.reason) == (ASKED, Reason.REWRITTEN)
        assert result.text == optimizer.optimize(ASKED).text
        to_rewrite, to_original = ask(plain, result.text), ask(plain, ASKED)
    assert completion.choices[0].message.content == to_rewrite.choices[0].message.content
    assert tokens_read(completion) == tokens_read(to_rewrite) > tokens_read(to_original)


async def test_a_response_is_streamed_for_the_embedded_optimizers_rewrite(url: str) -> None:
    async with AsyncOpenAI(base_url=url, api_key=KEY) as plain:
        stream = await wrap_openai(plain).responses.create(
            model="m", input=ASKED, max_output_tokens=12, temperature=0, stream=True
        )
        answer = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
    result = rewrite_of(stream)
    assert result is not None
    assert result.reason is Reason.REWRITTEN
    assert answer.strip()


def test_the_example_runs_without_a_network() -> None:
    run = subprocess.run([sys.executable, str(EXAMPLE), ASKED], capture_output=True, text=True, timeout=100, check=True)
    lines = dict(line.split(":", 1) for line in run.stdout.splitlines() if ":" in line)
    assert lines["original"].strip() == ASKED
    assert lines["rewrite"].strip() not in ("", ASKED)
    assert lines["reason"].strip() == "rewritten"
    assert lines["answer"].strip()
