"""Every kind of input comes back as what it was, with nothing changed but the newest human text."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompt_values import (
    ChatPromptValue,
    ChatPromptValueConcrete,
    ImagePromptValue,
    StringPromptValue,
)

from bpo_integrations.langchain import BPORunnable
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
REWRITE = "tell me about tea Please explain your answer."
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


class MyPromptValue(ChatPromptValue):
    """A user's own subclass."""

    note: str = "mine"


@pytest.fixture
def bpo(fake: FakeOptimizer) -> BPORunnable:
    return BPORunnable(optimizer=fake)


def text_of(value: Any) -> str:
    """The newest human text, wherever it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, StringPromptValue):
        return value.text
    if isinstance(value, ChatPromptValue):
        return text_of(value.messages)
    if isinstance(value, BaseMessage):
        return value.text
    if isinstance(value, dict):
        return text_of(value["messages"] if "messages" in value else value["content"])
    last = value[-1]
    return last[1] if isinstance(last, (tuple, list)) else text_of(last)


@pytest.mark.parametrize(
    "value",
    [
        ASK,
        StringPromptValue(text=ASK),
        ChatPromptValue(messages=[SystemMessage("Be brief."), HumanMessage(ASK)]),
        ChatPromptValueConcrete(messages=[HumanMessage(ASK)]),
        MyPromptValue(messages=[HumanMessage(ASK)], note="kept"),
        [SystemMessage("Be brief."), HumanMessage(ASK)],
        (SystemMessage("Be brief."), HumanMessage(ASK)),
        HumanMessage(ASK),
        HumanMessageChunk(content=ASK),
        [HumanMessageChunk(content=ASK)],
        [ChatMessage(role="user", content=ASK)],
        [("system", "Be brief."), ("human", ASK)],
        [("user", ASK)],
        [["human", ASK]],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASK}],
        [{"type": "human", "content": ASK}],
        ["hello there", ASK],
        {"messages": [HumanMessage(ASK)], "other": 1},
        {"messages": ASK},
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_type_that_comes_in_goes_out(bpo: BPORunnable, value: Any) -> None:
    before = copy.deepcopy(value)
    out = bpo.invoke(value)
    assert type(out) is type(value)
    assert text_of(out) == REWRITE
    assert value == before


def test_a_serialized_message_is_rewritten_in_place(bpo: BPORunnable) -> None:
    from langchain_core.load import dumpd

    (out,) = bpo.invoke([dumpd(HumanMessage(ASK))])
    assert out["kwargs"]["content"] == REWRITE
    assert out["id"][-1] == "HumanMessage"


def test_a_subclass_keeps_its_own_fields(bpo: BPORunnable) -> None:
    assert bpo.invoke(MyPromptValue(messages=[HumanMessage(ASK)], note="kept")).note == "kept"


@pytest.mark.parametrize("value", [None, 5, b"x", {"question": ASK}, [5], [HumanMessage(ASK), Document(ASK)], {1, 2}])
def test_what_no_chat_model_takes_is_a_type_error_and_costs_nothing(
    bpo: BPORunnable, fake: FakeOptimizer, value: Any
) -> None:
    with pytest.raises(TypeError, match="Invalid"):
        bpo.invoke(value)
    assert fake.calls == []


def test_the_error_about_a_dict_names_its_keys(bpo: BPORunnable) -> None:
    with pytest.raises(TypeError, match=r"\['context', 'question'\]; set input_key"):
        bpo.invoke({"question": ASK, "context": ""})
    with pytest.raises(TypeError, match="no key 'query'"):
        BPORunnable(optimizer=bpo.optimizer, input_key="query").invoke({"question": ASK})


def test_input_key_chooses_what_is_rewritten(fake: FakeOptimizer) -> None:
    documents = [Document("a")]
    value = {"question": ASK, "docs": documents}
    out = BPORunnable(optimizer=fake, input_key="question").invoke(value)
    assert out == {"question": REWRITE, "docs": documents}
    assert out["docs"] is documents
    assert value["question"] == ASK


def test_everything_but_the_newest_human_turn_stays_the_same_object(bpo: BPORunnable) -> None:
    call = {"name": "search", "args": {"q": "tea"}, "id": "c1", "type": "tool_call"}
    earlier: list[BaseMessage] = [
        SystemMessage("Be brief."),
        HumanMessage("what is coffee made of", id="h0"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("beans", tool_call_id="c1"),
        AIMessage("Beans."),
    ]
    ask = HumanMessage(ASK, id="h1", name="jo", additional_kwargs={"session": 7}, response_metadata={"source": "web"})
    out = bpo.invoke([*earlier, ask])
    assert all(new is old for new, old in zip(out, earlier, strict=False))
    new = out[-1]
    assert (new.id, new.name, new.response_metadata) == ("h1", "jo", {"source": "web"})
    assert new.additional_kwargs["session"] == 7
    assert new.content == REWRITE


def test_a_system_message_behind_the_human_turn_does_no_harm(bpo: BPORunnable) -> None:
    rule = SystemMessage("Answer in French.")
    out = bpo.invoke([HumanMessage(ASK), rule])
    assert out[0].content == REWRITE
    assert out[1] is rule


@pytest.mark.parametrize(
    "messages",
    [
        [HumanMessage(ASK), AIMessage("Tea is a drink.")],
        [HumanMessage(ASK), AIMessage("", tool_calls=[]), ToolMessage("x", tool_call_id="1")],
        [SystemMessage("Be brief.")],
        [("human", ASK), ("ai", "Tea is")],
        [],
    ],
    ids=range(5),
)
def test_a_turn_that_is_already_answered_is_the_same_object(
    bpo: BPORunnable, fake: FakeOptimizer, messages: Any
) -> None:
    assert bpo.invoke(messages) is messages
    assert fake.calls == []


def test_only_the_text_between_two_images_changes(bpo: BPORunnable) -> None:
    text = {"type": "text", "text": ASK, "cache_control": {"type": "ephemeral"}, "id": "b1"}
    message = HumanMessage(content=[IMAGE, text, IMAGE])
    out = bpo.invoke([message])[0]
    assert out.content == [IMAGE, {**text, "text": REWRITE}, IMAGE]
    assert out.content[0] is message.content[0]


def test_a_bare_string_block_is_rewritten(bpo: BPORunnable) -> None:
    assert bpo.invoke(HumanMessage(content=[ASK, IMAGE])).content == [REWRITE, IMAGE]


@pytest.mark.parametrize(
    "content",
    [
        [IMAGE],
        [{"type": "text", "text": ASK}, IMAGE, {"type": "text", "text": "and that?"}],
        [],
        "",
        "   \n",
    ],
    ids=["image", "two texts", "empty", "nothing", "blank"],
)
def test_without_one_text_the_message_is_the_same_object(bpo: BPORunnable, fake: FakeOptimizer, content: Any) -> None:
    message = HumanMessage(content=content)
    assert bpo.invoke(message) is message
    assert fake.calls == []


def test_other_prompt_values_pass(bpo: BPORunnable) -> None:
    image = ImagePromptValue(image_url={"url": "https://example.org/a.png"})
    assert bpo.invoke(image) is image


def test_twice_is_once(bpo: BPORunnable, fake: FakeOptimizer) -> None:
    once = bpo.invoke([HumanMessage(ASK)])
    assert bpo.invoke(once) is once
    assert len(fake.calls) == 1


def test_the_marker_of_somebody_else_only_skips(bpo: BPORunnable) -> None:
    message = HumanMessage(ASK, additional_kwargs={"bpo": "anything at all"})
    assert bpo.invoke(message) is message


def test_the_marker_as_text_is_text(bpo: BPORunnable) -> None:
    ask = 'tell me about the key "bpo" in {"additional_kwargs": {"bpo": 1}}'
    assert bpo.invoke(HumanMessage(ask)).content.startswith(ask)


def test_the_original_is_noted_unless_unwanted(fake: FakeOptimizer) -> None:
    noted = BPORunnable(optimizer=fake).invoke(HumanMessage(ASK))
    assert noted.additional_kwargs["bpo"] == {"original": ASK, "model": "bpo-smollm2-135m"}
    plain = BPORunnable(optimizer=fake, keep_original=False).invoke(HumanMessage(ASK))
    assert plain == HumanMessage(REWRITE)


def test_what_langchain_wrote_itself_is_left_alone(bpo: BPORunnable, fake: FakeOptimizer) -> None:
    summary = HumanMessage("Here is a summary of the talk.", additional_kwargs={"lc_source": "summarization"})
    assert bpo.invoke([summary])[0] is summary
    assert fake.calls == []


def test_a_prompt_over_the_budget_is_the_same_object(bpo: BPORunnable) -> None:
    message = HumanMessage("explain the following idea " * 2000)
    assert bpo.invoke(message) is message


def test_ten_thousand_words_of_context_come_back_byte_for_byte(bpo: BPORunnable) -> None:
    context = "\n".join(f"{number}. The pump in hall {number} was serviced." for number in range(1, 1400))
    out = bpo.invoke(HumanMessage(f"Summarize the following report:\n\n{context}"))
    assert len(context.split()) > 9_000
    assert out.content.endswith(f"\n\n{context}")
    assert out.content != f"Summarize the following report:\n\n{context}"


@pytest.mark.parametrize("garbage", ["", "  \n ", "Sure, here is the answer: tea is a drink.", "{x} " * 400])
def test_a_degenerate_rewrite_leaves_the_same_object(garbage: str) -> None:
    message = HumanMessage(ASK)
    assert BPORunnable(optimizer=FakeOptimizer(lambda _: garbage)).invoke(message) is message


def test_text_output_is_a_string_for_every_input(fake: FakeOptimizer) -> None:
    bpo = BPORunnable(optimizer=fake, output="text")
    for value in (ASK, HumanMessage(ASK), [("human", ASK)], ChatPromptValue(messages=[HumanMessage(ASK)])):
        assert bpo.invoke(value) == REWRITE
    assert bpo.invoke(HumanMessage(ASK, additional_kwargs={"bpo": 1})) == ASK


def test_a_failure_is_the_same_object_or_an_error(failing_on: Callable[[str], FakeOptimizer]) -> None:
    from bpo_model import GenerationError

    message, broken = HumanMessage(ASK), failing_on("tea")
    assert BPORunnable(optimizer=broken).invoke(message) is message
    with pytest.raises(GenerationError, match="the model broke"):
        BPORunnable(optimizer=broken, on_error="raise").invoke(message)
