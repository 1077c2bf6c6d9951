"""Every way of asking through a wrapped client, against a server on loopback and with the SDK as it is installed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, BaseModel, OpenAI

from bpo_integrations.openai import rewrite_of, wrap_openai
from bpo_model import OptimizedPrompt, Reason
from bpo_model.testing import FakeOptimizer, add_please

ASKED = "tell me about tea"
SENT = add_please(ASKED)
USER: Any = [{"role": "user", "content": ASKED}]
Server: TypeAlias = Any  # WireServer of conftest.py


class Number(BaseModel):
    """What the server's answers parse into."""

    number: int


@pytest.fixture
def plain(server: Server) -> Iterator[OpenAI]:
    """The caller's own client."""
    with OpenAI(base_url=server.url, api_key="key") as client:
        yield client


@pytest.fixture
def client(plain: OpenAI) -> OpenAI:
    return wrap_openai(plain, FakeOptimizer())


@pytest.fixture
async def plain_async(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key="key") as client:
        yield client


@pytest.fixture
def client_async(plain_async: AsyncOpenAI) -> AsyncOpenAI:
    return wrap_openai(plain_async, FakeOptimizer())


# --- sync ---------------------------------------------------------------------------------------


def chat_stream(client: OpenAI) -> Any:
    stream = client.chat.completions.create(model="m", messages=USER, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == '{"number": 7}'
    return stream


def chat_stream_helper(client: OpenAI) -> Any:
    with client.chat.completions.stream(model="m", messages=USER, response_format=Number) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Number(number=7)
        return stream


def chat_parse(client: OpenAI) -> Any:
    completion = client.chat.completions.parse(model="m", messages=USER, response_format=Number)
    assert completion.choices[0].message.parsed == Number(number=7)
    return completion


def beta_parse(client: OpenAI) -> Any:
    completion = client.beta.chat.completions.parse(model="m", messages=USER, response_format=Number)
    assert completion.choices[0].message.parsed == Number(number=7)
    return completion


def raw(client: OpenAI) -> Any:
    response = client.chat.completions.with_raw_response.create(model="m", messages=USER)
    assert response.parse().choices[0].message.content == '{"number": 7}'
    return response


def raw_client(client: OpenAI) -> Any:
    response = client.with_raw_response.chat.completions.create(model="m", messages=USER)
    assert response.status_code == 200
    return response


def raw_stream(client: OpenAI) -> Any:
    response = client.chat.completions.with_raw_response.create(model="m", messages=USER, stream=True)
    assert len(list(response.parse())) == 4
    return response


def streaming_response(client: OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(model="m", messages=USER) as response:
        assert "number" in "".join(response.iter_text())
        return response


def streaming_response_client(client: OpenAI) -> Any:
    with client.with_streaming_response.chat.completions.create(model="m", messages=USER) as response:
        assert response.parse().choices[0].message.content == '{"number": 7}'
        return response


def responses_create(client: OpenAI) -> Any:
    response = client.responses.create(model="m", input=ASKED)
    assert response.output_text == '{"number": 7}'
    return response


def responses_stream(client: OpenAI) -> Any:
    stream = client.responses.create(model="m", input=ASKED, stream=True)
    assert [event.type for event in stream][-1] == "response.completed"
    return stream


def responses_stream_helper(client: OpenAI) -> Any:
    with client.responses.stream(model="m", input=ASKED) as stream:
        assert stream.get_final_response().output_text == '{"number": 7}'
        return stream


def responses_parse(client: OpenAI) -> Any:
    response = client.responses.parse(model="m", input=ASKED, text_format=Number)
    assert response.output_parsed == Number(number=7)
    return response


SYNC: dict[str, Callable[[OpenAI], Any]] = {
    "create": lambda client: client.chat.completions.create(model="m", messages=USER),
    "create, stream=True": chat_stream,
    "stream()": chat_stream_helper,
    "parse": chat_parse,
    "beta.parse": beta_parse,
    "with_raw_response of the resource": raw,
    "with_raw_response of the client": raw_client,
    "with_raw_response, stream=True": raw_stream,
    "with_streaming_response of the resource": streaming_response,
    "with_streaming_response of the client": streaming_response_client,
    "with_options": lambda client: client.with_options(timeout=9).chat.completions.create(model="m", messages=USER),
    "copy": lambda client: client.copy(max_retries=1).chat.completions.create(model="m", messages=USER),
    "copy of a copy": lambda client: client.copy().with_options().chat.completions.create(model="m", messages=USER),
    "post": lambda client: client.post("/chat/completions", cast_to=Number, body={"messages": USER, "model": "m"}),
    "responses.create": responses_create,
    "responses.create, stream=True": responses_stream,
    "responses.stream()": responses_stream_helper,
    "responses.parse": responses_parse,
    "responses with_raw_response": lambda client: client.responses.with_raw_response.create(model="m", input=ASKED),
    "beta.responses": lambda client: client.beta.responses.create(model="m", input=ASKED),
}


@pytest.mark.parametrize("ask", SYNC.values(), ids=list(SYNC))
def test_every_way_of_asking_sends_the_rewrite_and_tells_of_it(
    client: OpenAI, server: Server, ask: Callable[[OpenAI], Any]
) -> None:
    result = rewrite_of(ask(client))
    assert server.prompts == [SENT]
    assert isinstance(result, OptimizedPrompt)
    assert (result.original, result.text, result.reason) == (ASKED, SENT, Reason.REWRITTEN)


# --- async --------------------------------------------------------------------------------------


async def achat_stream(client: AsyncOpenAI) -> Any:
    stream = await client.chat.completions.create(model="m", messages=USER, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == '{"number": 7}'
    return stream


async def achat_stream_helper(client: AsyncOpenAI) -> Any:
    async with client.chat.completions.stream(model="m", messages=USER, response_format=Number) as stream:
        assert (await stream.get_final_completion()).choices[0].message.parsed == Number(number=7)
        return stream


async def achat_parse(client: AsyncOpenAI) -> Any:
    completion = await client.chat.completions.parse(model="m", messages=USER, response_format=Number)
    assert completion.choices[0].message.parsed == Number(number=7)
    return completion


async def araw(client: AsyncOpenAI) -> Any:
    response = await client.chat.completions.with_raw_response.create(model="m", messages=USER)
    assert response.parse().choices[0].message.content == '{"number": 7}'
    return response


async def astreaming_response(client: AsyncOpenAI) -> Any:
    async with client.chat.completions.with_streaming_response.create(model="m", messages=USER) as response:
        assert (await response.parse()).choices[0].message.content == '{"number": 7}'
        return response


async def aresponses_stream_helper(client: AsyncOpenAI) -> Any:
    async with client.responses.stream(model="m", input=ASKED) as stream:
        assert (await stream.get_final_response()).output_text == '{"number": 7}'
        return stream


async def aresponses_parse(client: AsyncOpenAI) -> Any:
    response = await client.responses.parse(model="m", input=ASKED, text_format=Number)
    assert response.output_parsed == Number(number=7)
    return response


ASYNC: dict[str, Callable[[AsyncOpenAI], Awaitable[Any]]] = {
    "create": lambda client: client.chat.completions.create(model="m", messages=USER),
    "create, stream=True": achat_stream,
    "stream()": achat_stream_helper,
    "parse": achat_parse,
    "beta.parse": lambda client: client.beta.chat.completions.parse(model="m", messages=USER, response_format=Number),
    "with_raw_response of the resource": araw,
    "with_raw_response of the client": lambda client: client.with_raw_response.chat.completions.create(
        model="m", messages=USER
    ),
    "with_streaming_response": astreaming_response,
    "with_options": lambda client: client.with_options(timeout=9).chat.completions.create(model="m", messages=USER),
    "copy": lambda client: client.copy().chat.completions.create(model="m", messages=USER),
    "responses.create": lambda client: client.responses.create(model="m", input=ASKED),
    "responses.stream()": aresponses_stream_helper,
    "responses.parse": aresponses_parse,
    "beta.responses": lambda client: client.beta.responses.create(model="m", input=ASKED),
}


@pytest.mark.parametrize("ask", ASYNC.values(), ids=list(ASYNC))
async def test_every_way_of_asking_async_sends_the_rewrite_and_tells_of_it(
    client_async: AsyncOpenAI, server: Server, ask: Callable[[AsyncOpenAI], Awaitable[Any]]
) -> None:
    result = rewrite_of(await ask(client_async))
    assert server.prompts == [SENT]
    assert isinstance(result, OptimizedPrompt)
    assert (result.original, result.text, result.reason) == (ASKED, SENT, Reason.REWRITTEN)


async def test_200_concurrent_calls_each_get_their_own_rewrite(client_async: AsyncOpenAI, server: Server) -> None:
    async def ask(number: int) -> tuple[str, str]:
        prompt = f"tell me about tea number {number}"
        message: Any = {"role": "user", "content": prompt}
        completion = await client_async.chat.completions.create(model="m", messages=[message])
        result = rewrite_of(completion)
        assert result is not None
        assert result.original == prompt
        return result.text, completion.id  # the server's id is the prompt that it got

    pairs = await asyncio.gather(*map(ask, range(200)))
    assert [text for text, _ in pairs] == [add_please(f"tell me about tea number {number}") for number in range(200)]
    assert all(text == got for text, got in pairs)
    assert len(server.bodies) == 200


# --- Azure --------------------------------------------------------------------------------------

VERSION = "2026-01-01"


def test_azure_sends_the_rewrite_to_the_deployment(server: Server) -> None:
    with AzureOpenAI(azure_endpoint=server.address, api_key="key", api_version=VERSION) as plain:
        client = wrap_openai(plain, FakeOptimizer())
        assert isinstance(client, AzureOpenAI)
        for each in (client, client.with_options(max_retries=0)):
            assert rewrite_of(each.chat.completions.create(model="gpt", messages=USER))
    assert server.prompts == [SENT, SENT]
    assert server.paths == [f"/openai/deployments/gpt/chat/completions?api-version={VERSION}"] * 2


async def test_async_azure_sends_the_rewrite_to_the_deployment(server: Server) -> None:
    async with AsyncAzureOpenAI(
        azure_endpoint=server.address, azure_deployment="own", api_key="key", api_version=VERSION
    ) as plain:
        client = wrap_openai(plain, FakeOptimizer())
        assert isinstance(client, AsyncAzureOpenAI)
        assert rewrite_of(await client.chat.completions.create(model="gpt", messages=USER))
    assert server.prompts == [SENT]
    assert server.paths == [f"/openai/deployments/own/chat/completions?api-version={VERSION}"]
