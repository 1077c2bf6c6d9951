"""Through the real proxy, with the real SDK: what providers get, and what clients get back."""

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, cast

import pytest

if find_spec("litellm") is None:
    pytest.skip("litellm is not installed", allow_module_level=True)  # importing it takes seconds

import httpx
import openai

CONFIG = """\
model_list:
  - model_name: "*"
    litellm_params: {{model: "openai/some-model", api_base: "{upstream.url}", api_key: "upstream-key"}}
  - model_name: "claude"
    litellm_params: {{model: "anthropic/claude", api_base: "{upstream.address}", api_key: "upstream-key"}}
  - model_name: "down"
    litellm_params: {{model: "openai/down", api_base: "http://127.0.0.1:9/v1", api_key: "upstream-key"}}
litellm_settings:
  callbacks: [fake_bpo.bpo]
  num_retries: 0
general_settings: {{custom_auth: gateway_auth.check}}
"""
ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


@pytest.fixture(scope="module")
def address(start: Any, module_server: Any) -> str:
    """A proxy with a function in place of the model; fails for prompts about war."""
    return str(start(CONFIG.format(upstream=module_server)))


@pytest.fixture
def upstream(module_server: Any) -> Iterator[Any]:
    """What stands behind the proxy, with nothing written down yet."""
    module_server.bodies.clear()
    yield module_server
    module_server.failures.clear()


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="sk-on", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, *messages: Any, **options: Any) -> Any:
    """One chat completion, with its headers; a text is a user turn."""
    turns: Any = [{"role": "user", "content": item} if isinstance(item, str) else item for item in messages]
    return client.chat.completions.with_raw_response.create(model="some-model", messages=turns, **options)


def test_the_provider_gets_the_rewrite_and_the_client_the_reason(client: Any, upstream: Any) -> None:
    raw = ask(client, {"role": "system", "content": "Be brief."}, ASK, temperature=0.5)
    assert upstream.bodies[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": REWRITE},
    ]
    assert upstream.bodies[-1]["temperature"] == 0.5
    assert raw.headers["x-bpo-reason"] == "rewritten"
    assert float(raw.headers["x-bpo-latency-ms"]) >= 0
    assert raw.parse().choices[0].message.content


def test_nothing_of_ours_reaches_the_provider(client: Any, upstream: Any) -> None:
    ask(client, ASK, extra_body={"metadata": {"user": "jo"}})
    sent = json.dumps(upstream.bodies[-1])
    assert "bpo" not in sent
    assert "rewritten" not in sent


def test_a_stream_is_the_one_that_comes_without_us(client: Any, upstream: Any) -> None:
    def stream(**options: Any) -> tuple[str, list[Any]]:
        turns: Any = [{"role": "user", "content": ASK}]
        create = client.chat.completions.with_streaming_response.create
        with create(model="m", messages=turns, stream=True, **options) as raw:
            lines = [json.loads(line[6:]) for line in raw.iter_lines() if line.startswith("data: {")]
            return raw.headers["x-bpo-reason"], [{**line, "created": 0} for line in lines]

    reason, lines = stream()
    assert (reason, upstream.prompts[-1]) == ("rewritten", REWRITE)
    assert len(lines) >= 3
    assert stream(extra_headers={"x-bpo": "off"}) == ("switched_off", lines)
    assert upstream.prompts[-1] == ASK


def test_the_responses_route_is_covered(client: Any, upstream: Any) -> None:
    raw = client.responses.with_raw_response.create(model="some-model", input=ASK)
    assert upstream.prompts[-1] == REWRITE
    assert raw.headers["x-bpo-reason"] == "rewritten"
    turns: Any = [{"role": "user", "content": [{"type": "input_text", "text": "tell me why"}]}]
    client.responses.create(model="some-model", input=turns)
    assert upstream.prompts[-1] == "tell me why Please explain your answer."
    assert "bpo" not in json.dumps(upstream.bodies[-1])


def test_anthropics_route_is_covered(address: str, upstream: Any) -> None:
    body = {"model": "some-model", "max_tokens": 20, "messages": [{"role": "user", "content": ASK}]}
    reply = httpx.post(f"{address}/v1/messages", json=body, headers={"x-api-key": "sk-on"}, timeout=30)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-bpo-reason"] == "rewritten"
    assert REWRITE in json.dumps(upstream.bodies[-1])
    assert "rewritten" not in json.dumps(upstream.bodies[-1])


def test_a_provider_of_anthropics_route_gets_the_rewrite_and_nothing_else(address: str, upstream: Any) -> None:
    """Clients mark the newest turn for the provider's cache, and move the mark with every turn."""

    def send(*turns: Any) -> Any:
        body = {"model": "claude", "max_tokens": 20, "metadata": {"user_id": "u1"}, "messages": turns}
        httpx.post(f"{address}/v1/messages", json=body, headers={"x-api-key": "sk-on"}, timeout=30)
        assert upstream.bodies[-1]["metadata"] == {"user_id": "u1"}
        return upstream.bodies[-1]["messages"]

    def marked(text: str) -> Any:
        part = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
        return {"role": "user", "content": [part]}

    said = {"role": "assistant", "content": "Tea is a drink."}
    assert send(marked(ASK)) == [marked(REWRITE)]
    assert send({"role": "user", "content": ASK}, said, marked("tell me about jam")) == [
        {"role": "user", "content": REWRITE},
        said,
        marked("tell me about jam Please explain your answer."),
    ]


def test_a_tool_loop_goes_through_as_it_is(client: Any, upstream: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    assistant = {"role": "assistant", "content": None, "tool_calls": [call]}
    raw = ask(client, "tell me about rain", assistant, {"role": "tool", "tool_call_id": "c1", "content": "facts"})
    assert upstream.bodies[-1]["messages"][0]["content"] == "tell me about rain"
    assert raw.headers["x-bpo-reason"] == "no_user_text"


def test_earlier_turns_go_out_with_the_bytes_they_went_out_with(client: Any, upstream: Any) -> None:
    said = {"role": "assistant", "content": "Tea is a drink."}
    ask(client, "tell me about green tea")
    ask(client, "tell me about green tea", said, "tell me about coffee")
    ask(client, "tell me about green tea", said, "tell me about coffee", said, "tell me about milk")
    first, second, third = (body["messages"] for body in upstream.bodies)
    assert second[:1] == first
    assert third[:3] == second
    assert [turn["content"] for turn in third[::2]] == [
        f"tell me about {drink} Please explain your answer." for drink in ("green tea", "coffee", "milk")
    ]


def test_a_tool_loop_and_a_text_as_input_are_replayed_too(client: Any, upstream: Any) -> None:
    said = {"role": "assistant", "content": "Cocoa is a drink."}
    call = {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "facts"}
    client.responses.create(model="some-model", input="tell me about cocoa")
    client.responses.create(
        model="some-model", input=[{"role": "user", "content": "tell me about cocoa"}, call, output]
    )
    first, second = (body["input"] for body in upstream.bodies)
    assert second[0]["content"] == first == "tell me about cocoa Please explain your answer."
    ask(client, "tell me about cocoa", said, "tell me about mugs")
    assert upstream.bodies[-1]["messages"][0]["content"] == first


def test_an_earlier_turn_that_we_never_rewrote_is_left_alone(client: Any, upstream: Any) -> None:
    ask(client, "tell me about oolong", {"role": "assistant", "content": "It is tea."}, "tell me about cups")
    assert upstream.bodies[-1]["messages"][0]["content"] == "tell me about oolong"


@pytest.mark.parametrize(
    "options",
    [
        {"extra_headers": {"x-bpo": "off"}},
        {"extra_body": {"metadata": {"bpo": "off"}}},
        {"extra_headers": {"Authorization": "Bearer sk-off"}},
    ],
    ids=["header", "metadata", "key"],
)
def test_it_can_be_switched_off(client: Any, upstream: Any, options: Any) -> None:
    raw = ask(client, ASK, **options)
    assert upstream.prompts[-1] == ASK
    assert raw.headers["x-bpo-reason"] == "switched_off"


def test_metadata_switches_off_on_every_route(address: str, client: Any, upstream: Any) -> None:
    raw = client.responses.with_raw_response.create(model="some-model", input=ASK, metadata={"bpo": "off"})
    assert (raw.headers["x-bpo-reason"], upstream.prompts[-1]) == ("switched_off", ASK)
    turns = [{"role": "user", "content": ASK}]
    body = {"model": "claude", "max_tokens": 20, "messages": turns, "metadata": {"bpo": "off"}}
    reply = httpx.post(f"{address}/v1/messages", json=body, headers={"x-api-key": "sk-on"}, timeout=30)
    assert (reply.headers["x-bpo-reason"], upstream.prompts[-1]) == ("switched_off", ASK)


def test_other_routes_are_left_alone(client: Any, upstream: Any) -> None:
    with pytest.raises((openai.APIError, ValueError)):  # the recorder knows no embeddings
        client.embeddings.create(model="some-model", input=ASK)
    assert upstream.bodies[-1]["input"] in (ASK, [ASK])


def test_a_client_cannot_write_our_headers(client: Any, upstream: Any) -> None:
    said = {"metadata": {"bpo": {"reason": "rewritten", "latency_ms": 1}}}
    raw = ask(client, ASK, extra_body=said)
    assert raw.headers["x-bpo-latency-ms"] != "1"
    with pytest.raises(openai.APIStatusError) as failed:
        client.embeddings.create(model="down", input=ASK, extra_body=said)
    assert "x-bpo-reason" not in failed.value.response.headers


def test_the_reason_is_in_errors_too(client: Any) -> None:
    with pytest.raises(openai.APIStatusError) as failed:
        client.chat.completions.create(model="down", messages=[{"role": "user", "content": ASK}])
    assert failed.value.response.headers["x-bpo-reason"] == "rewritten"


def test_an_optimizer_that_fails_lets_the_original_through(client: Any, upstream: Any) -> None:
    raw = ask(client, "tell me about the war of the roses")
    assert upstream.prompts[-1] == "tell me about the war of the roses"
    assert raw.headers["x-bpo-reason"] == "error"


def test_a_broken_request_goes_out_as_it_came(client: Any, upstream: Any) -> None:
    ask(client, {"role": "nobody", "content": ASK})
    assert upstream.bodies[-1]["messages"] == [{"role": "nobody", "content": ASK}]


async def test_200_requests_at_once_get_their_own_answers_whatever_fails(address: str, upstream: Any) -> None:
    """Every fifth optimizer call fails, every seventh provider is down, and ten calls of the others fail."""
    topics = ["the war" if number % 5 == 0 else "tea" for number in range(200)]
    asks = [f"tell me about {topic} number {number}" for number, topic in enumerate(topics)]
    down = {text for number, text in enumerate(asks) if number % 7 == 0}
    upstream.failures.extend([500] * 10)

    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="sk-on", max_retries=0, timeout=60) as client:

        async def one(text: str) -> Any:
            turns: Any = [{"role": "user", "content": text}]
            create = client.chat.completions.with_raw_response.create
            return await create(model="down" if text in down else "some-model", messages=turns)

        answers = await asyncio.gather(*(one(text) for text in asks), return_exceptions=True)
    failed = {text for text, answer in zip(asks, answers, strict=True) if isinstance(answer, openai.APIStatusError)}
    assert down < failed
    assert len(failed) == len(down) + 10
    for text, answer in zip(asks, answers, strict=True):
        broken, got = "war" in text, cast(Any, answer)
        assert (got.response if text in failed else got).headers["x-bpo-reason"] == ("error" if broken else "rewritten")
        if text not in failed:  # the provider's answer carries the prompt that it got as its id
            assert got.parse().id == (text if broken else f"{text} Please explain your answer.")
