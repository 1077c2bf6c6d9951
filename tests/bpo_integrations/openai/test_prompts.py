"""Which part of a request is rewritten, and what never is."""

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from openai import OpenAI
from openai.types.responses import ResponseReasoningItem

from bpo_integrations.openai import rewrite_of, wrap_openai
from bpo_model import OptimizedPrompt, Prompt, Reason
from bpo_model.testing import FakeOptimizer, add_please

ASKED = "tell me about tea"
SENT = add_please(ASKED)
PIXEL = "data:image/png;base64,AAAA"
Server: TypeAlias = Any  # WireServer of conftest.py
SYSTEM = {"role": "system", "content": "You are a tea seller."}
DEVELOPER = {"role": "developer", "content": "Answer in one word."}
USER = {"role": "user", "content": ASKED}
ASSISTANT = {"role": "assistant", "content": "Which tea?"}


@pytest.fixture
def plain(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="key") as client:
        yield client


@pytest.fixture
def optimizer() -> FakeOptimizer:
    return FakeOptimizer()


@pytest.fixture
def client(plain: OpenAI, optimizer: FakeOptimizer) -> OpenAI:
    return wrap_openai(plain, optimizer)


def chat(client: OpenAI, messages: Any, **more: Any) -> Any:
    return client.chat.completions.create(model="m", messages=messages, **more)


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def text(words: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "text": words}


IMAGE = {"type": "image_url", "image_url": {"url": PIXEL}}
INPUT_IMAGE = {"type": "input_image", "image_url": PIXEL, "detail": "auto"}


# --- what is rewritten --------------------------------------------------------------------------


def test_only_the_newest_user_turn_changes(client: OpenAI, server: Server) -> None:
    earlier = [SYSTEM, DEVELOPER, {"role": "user", "content": "I like tea"}, ASSISTANT]
    chat(client, [*earlier, USER], temperature=0.5, user="me")
    assert server.bodies == [
        {"model": "m", "messages": [*earlier, {**USER, "content": SENT}], "temperature": 0.5, "user": "me"}
    ]


def test_the_callers_lists_are_not_written_to(client: OpenAI, server: Server) -> None:
    messages = [SYSTEM, user(text(ASKED), IMAGE)]
    items = [user(text(ASKED, "input_text"))]
    before = copy.deepcopy((messages, items))
    chat(client, messages)
    client.post("/chat/completions", cast_to=object, body={"model": "m", "messages": messages})
    client.responses.create(model="m", input=items)  # type: ignore[arg-type]
    assert server.prompts == [SENT] * 3
    assert (messages, items) == before


def test_the_one_text_among_several_parts_is_rewritten_and_the_images_are_kept(client: OpenAI, server: Server) -> None:
    chat(client, [user(IMAGE, text(ASKED), IMAGE)])
    client.responses.create(model="m", input=[user(INPUT_IMAGE, text(ASKED, "input_text"))])  # type: ignore[list-item]
    assert server.bodies[0]["messages"] == [user(IMAGE, text(SENT), IMAGE)]
    assert server.bodies[1]["input"] == [user(INPUT_IMAGE, text(SENT, "input_text"))]


def test_other_keys_of_a_turn_are_kept(client: OpenAI, server: Server) -> None:
    chat(client, [{**USER, "name": "Ada"}])
    assert server.bodies[0]["messages"] == [{"role": "user", "content": SENT, "name": "Ada"}]


def test_messages_from_a_generator_are_sent_whole(client: OpenAI, server: Server) -> None:
    chat(client, (message for message in [SYSTEM, USER]))
    assert server.bodies[0]["messages"] == [SYSTEM, {**USER, "content": SENT}]


def test_history_may_hold_the_sdks_own_objects(client: OpenAI, server: Server) -> None:
    answer = chat(client, [USER]).choices[0].message
    chat(client, [USER, answer, USER])
    response = client.responses.create(model="m", input=ASKED)
    thought = ResponseReasoningItem(id="r", summary=[], type="reasoning")
    again: Any = [USER, thought, *response.output, USER]
    client.responses.create(model="m", input=again)
    assert server.prompts == [SENT] * 4
    assert server.bodies[1]["messages"][0] == USER
    assert [item.get("type") for item in server.bodies[3]["input"]] == [None, "reasoning", "message", None]


def test_instructions_of_a_response_stay_as_they_are(client: OpenAI, server: Server) -> None:
    client.responses.create(model="m", input=ASKED, instructions="write a poem")
    assert server.bodies == [{"model": "m", "input": SENT, "instructions": "write a poem"}]


def test_braces_and_other_scripts_arrive_as_they_are(client: OpenAI, server: Server) -> None:
    prompt = "translate {name} and \\u00e9 «чай» 茶 🍵 into English"
    chat(client, [{"role": "user", "content": prompt}])
    assert server.prompts == [add_please(prompt)]


def test_a_prompt_that_stays_the_same_is_sent_as_the_plain_client_sends_it(plain: OpenAI, server: Server) -> None:
    messages = [SYSTEM, user(text(ASKED), IMAGE)]
    result = rewrite_of(chat(wrap_openai(plain, FakeOptimizer(lambda words: words)), messages))
    chat(plain, messages)
    assert result is not None
    assert (result.reason, result.changed) == (Reason.UNCHANGED, False)
    assert server.bodies[0] == server.bodies[1]


# --- turns that only the server knows -----------------------------------------------------------


@pytest.mark.parametrize("more", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}], ids=str)
def test_the_optimizer_learns_of_turns_that_only_the_server_knows(plain: OpenAI, server: Server, more: Any) -> None:
    client = wrap_openai(plain, FakeOptimizer(), rewrite="auto")
    follow_up = "tell me more about the price of green tea in China"
    alone = rewrite_of(client.responses.create(model="m", input=follow_up))
    continued = rewrite_of(client.responses.create(model="m", input=follow_up, **more))
    assert alone is not None
    assert continued is not None
    assert (alone.reason, continued.reason) == (Reason.REWRITTEN, Reason.FOLLOW_UP)


def test_a_continued_conversation_is_rewritten_in_its_own_shape(client: OpenAI, server: Server) -> None:
    client.responses.create(model="m", input=ASKED, previous_response_id="resp_1")
    client.responses.create(model="m", input=[USER], previous_response_id="resp_1")  # type: ignore[list-item]
    assert [body["input"] for body in server.bodies] == [SENT, [{**USER, "content": SENT}]]


# --- what is left alone -------------------------------------------------------------------------

CALL = {"id": "c", "type": "function", "function": {"name": "price", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
LEFT_ALONE: dict[str, list[dict[str, Any]]] = {
    "tool loop": [USER, CALLING, {"role": "tool", "tool_call_id": "c", "content": ASKED}],
    "function loop": [USER, ASSISTANT, {"role": "function", "name": "price", "content": ASKED}],
    "answer to be continued": [USER, {"role": "assistant", "content": ASKED}],
    "system only": [{"role": "system", "content": ASKED}],
    "developer last": [USER, {"role": "developer", "content": ASKED}],
    "image only": [user(IMAGE)],
    "two texts": [user(text("a poem"), text(ASKED))],
}


@pytest.mark.parametrize("messages", LEFT_ALONE.values(), ids=list(LEFT_ALONE))
def test_chat_without_one_text_of_the_user_at_its_end_is_sent_as_it_is(
    client: OpenAI, optimizer: FakeOptimizer, server: Server, messages: list[dict[str, Any]]
) -> None:
    result = rewrite_of(chat(client, messages))
    assert result is not None
    assert result.reason is Reason.NO_USER_TEXT
    assert server.bodies[0]["messages"] == messages
    assert optimizer.calls == []


FUNCTION_CALL = {"type": "function_call", "call_id": "c", "name": "price", "arguments": "{}"}
ITEMS_LEFT_ALONE: dict[str, list[dict[str, Any]]] = {
    "tool loop": [USER, FUNCTION_CALL, {"type": "function_call_output", "call_id": "c", "output": ASKED}],
    "item reference": [USER, {"type": "item_reference", "id": "m"}],
    "developer last": [USER, DEVELOPER],
    "item of a kind that is not known": [USER, {"type": "note", "role": "user", "content": ASKED}],
    "image only": [user(INPUT_IMAGE)],
}


@pytest.mark.parametrize("items", ITEMS_LEFT_ALONE.values(), ids=list(ITEMS_LEFT_ALONE))
def test_a_response_without_one_text_of_the_user_at_its_end_is_sent_as_it_is(
    client: OpenAI, optimizer: FakeOptimizer, server: Server, items: Any
) -> None:
    result = rewrite_of(client.responses.create(model="m", input=items))
    assert result is not None
    assert result.reason is Reason.NO_USER_TEXT
    assert server.bodies[0]["input"] == items
    assert optimizer.calls == []


def test_an_optimizer_that_raises_at_tool_turns_never_sees_one(plain: OpenAI, server: Server) -> None:
    class Fussy(FakeOptimizer):
        def optimize_batch(self, prompts: Any, **options: Any) -> list[OptimizedPrompt]:
            raise AssertionError(prompts)

        def optimize(self, prompt: Prompt, **options: Any) -> OptimizedPrompt:
            raise AssertionError(prompt)

    result = rewrite_of(chat(wrap_openai(plain, Fussy(), on_error="raise"), LEFT_ALONE["tool loop"]))
    assert result is not None
    assert result.reason is Reason.NO_USER_TEXT


def test_prompt_templates_are_sent_as_they_are(client: OpenAI, optimizer: FakeOptimizer, server: Server) -> None:
    template: Any = {"id": "pmpt_1", "variables": {"topic": ASKED}}
    assert rewrite_of(client.responses.create(model="m", input=ASKED, prompt=template)) is None
    assert rewrite_of(client.responses.create(model="m", input=ASKED, extra_body={"prompt": template})) is None
    assert [(body["input"], body["prompt"]) for body in server.bodies] == [(ASKED, template)] * 2
    assert optimizer.calls == []


def test_messages_of_the_extra_body_win_and_are_sent_as_they_are(client: OpenAI, server: Server) -> None:
    assert rewrite_of(chat(client, [USER], extra_body={"messages": [SYSTEM, USER]})) is None
    assert rewrite_of(chat(client, [USER], extra_body={"top_k": 3})) is not None
    assert [body["messages"] for body in server.bodies] == [[SYSTEM, USER], [{**USER, "content": SENT}]]


@pytest.mark.parametrize("messages", [[], [{"role": "user"}], [USER, {"role": "user", "content": 3}]], ids=str)
def test_messages_that_the_server_will_refuse_are_sent_as_they_are(
    client: OpenAI, server: Server, messages: list[dict[str, Any]]
) -> None:
    client.post("/chat/completions", cast_to=object, body={"model": "m", "messages": messages})
    assert server.bodies[0]["messages"] == messages


def test_other_routes_are_sent_as_they_are(client: OpenAI, optimizer: FakeOptimizer, server: Server) -> None:
    client.completions.create(model="m", prompt=ASKED, extra_body={"input": ""})
    client.embeddings.create(model="m", input=ASKED, encoding_format="float")
    client.responses.input_tokens.count(model="m", input=ASKED)
    assert [body.get("prompt") or body["input"] for body in server.bodies] == [ASKED] * 3
    assert optimizer.calls == []
