"""Through the real proxy, with the real SDK: what providers get, and what clients get back."""

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("litellm") is None:
    pytest.skip("litellm is not installed", allow_module_level=True)  # importing it takes seconds

import httpx
import openai

CONFIG = """\
model_list:
  - model_name: "*"
    litellm_params: {{model: "openai/some-model", api_base: "{upstream}", api_key: "upstream-key"}}
litellm_settings:
  callbacks: fake_bpo.bpo
  num_retries: 0
general_settings: {{custom_auth: gateway_auth.check}}
"""
ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."


@pytest.fixture(scope="module")
def address(start: Any, module_server: Any) -> str:
    """A proxy with a function in place of the model; fails for prompts about war."""
    return str(start(CONFIG.format(upstream=module_server.url)))


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


def test_a_stream_stays_a_stream(client: Any, upstream: Any) -> None:
    turns: Any = [{"role": "user", "content": ASK}]
    with client.chat.completions.with_streaming_response.create(model="m", messages=turns, stream=True) as raw:
        assert raw.headers["x-bpo-reason"] == "rewritten"
        lines = [line for line in raw.iter_lines() if line.startswith("data: {")]
    assert len(lines) >= 3
    assert upstream.prompts[-1] == REWRITE


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


def test_other_routes_are_left_alone(client: Any, upstream: Any) -> None:
    with pytest.raises((openai.APIError, ValueError)):  # the recorder knows no embeddings
        client.embeddings.create(model="some-model", input=ASK)
    assert upstream.bodies[-1]["input"] in (ASK, [ASK])


def test_an_optimizer_that_fails_lets_the_original_through(client: Any, upstream: Any) -> None:
    raw = ask(client, "tell me about the war of the roses")
    assert upstream.prompts[-1] == "tell me about the war of the roses"
    assert raw.headers["x-bpo-reason"] == "error"


def test_a_broken_request_goes_out_as_it_came(client: Any, upstream: Any) -> None:
    ask(client, {"role": "nobody", "content": ASK})
    assert upstream.bodies[-1]["messages"] == [{"role": "nobody", "content": ASK}]


async def test_200_requests_at_once_get_their_own_answers_whatever_fails(address: str, upstream: Any) -> None:
    """Every fifth optimizer call and twenty upstream calls fail; each client gets the answer to its own prompt."""
    topics = ["the war" if number % 5 == 0 else "tea" for number in range(200)]
    asks = [f"tell me about {topic} number {number}" for number, topic in enumerate(topics)]
    upstream.failures.extend([500] * 20)

    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="sk-on", max_retries=0, timeout=60) as client:

        async def one(text: str) -> Any:
            turns: Any = [{"role": "user", "content": text}]
            return await client.chat.completions.create(model="some-model", messages=turns)

        answers = await asyncio.gather(*(one(text) for text in asks), return_exceptions=True)
    want = [text if "war" in text else f"{text} Please explain your answer." for text in asks]
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(failed) == 20
    assert all(isinstance(error, openai.APIStatusError) for error in failed)
    # The recorder's answer carries the prompt that it got as its id.
    assert all(answer.id == text for answer, text in zip(answers, want, strict=True) if hasattr(answer, "id"))
