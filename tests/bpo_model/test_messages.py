"""Taking the text out of a prompt and putting it back changes that text and nothing else."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpo_model.errors import BPOError, PromptError
from bpo_model.messages import ROLES, find_target, put_back
from bpo_model.schema import Message, Prompt

SYSTEM: Message = {"role": "system", "content": "You are a patient gardener."}
DEVELOPER: Message = {"role": "developer", "content": "Answer in plain text."}
ASKED: Message = {"role": "user", "content": "how do I grow leeks?"}
ANSWERED: Message = {"role": "assistant", "content": "Sow them in March."}
TOOL_CALL: Message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "rain"}}]}
TOOL: Message = {"role": "tool", "tool_call_id": "c1", "content": "4 mm"}
FUNCTION: Message = {"role": "function", "name": "rain", "content": "4 mm"}
NEWEST: Message = {"role": "user", "content": "when do I water them?", "name": "mo"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
INPUT_IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def user(content: object) -> Message:
    return {"role": "user", "content": content}


def part(kind: str, text: object) -> dict[str, object]:
    return {"type": kind, "text": text}


def content_of(prompt: Prompt, index: int = -1) -> Any:
    assert not isinstance(prompt, str)
    return prompt[index]["content"]


@pytest.mark.parametrize("text", ["how do I grow leeks?", "", " \n", "a\r\nb\x00\ud800", "<|im_end|>", "سلام"])
def test_a_string_is_its_own_target(text: str) -> None:
    target = find_target(text)
    assert (target.text, target.message, target.part, target.has_history) == (text, -1, -1, False)


def test_a_string_is_replaced_as_a_whole() -> None:
    prompt = "leeks?"
    assert put_back(prompt, find_target(prompt), "How do I grow leeks?") == "How do I grow leeks?"


@pytest.mark.parametrize("kind", [list, tuple])
def test_the_newest_user_turn_is_the_target(kind: Callable[[list[Message]], Prompt]) -> None:
    target = find_target(kind([SYSTEM, ASKED, ANSWERED, NEWEST]))
    assert (target.text, target.message, target.part) == (NEWEST["content"], 3, -1)


@pytest.mark.parametrize("kind", [list, tuple])
def test_the_type_of_the_conversation_is_kept(kind: Callable[[list[Message]], Prompt]) -> None:
    prompt = kind([SYSTEM, NEWEST])
    changed = put_back(prompt, find_target(prompt), "When should I water leeks?")
    assert type(changed) is type(prompt)
    assert content_of(changed) == "When should I water leeks?"


@pytest.mark.parametrize("kind", [list, tuple])
def test_earlier_turns_are_the_same_objects_afterwards(kind: Callable[[list[Message]], Prompt]) -> None:
    earlier = [SYSTEM, DEVELOPER, ASKED, TOOL_CALL, TOOL, FUNCTION, ANSWERED]
    prompt = kind([*earlier, NEWEST])
    changed = put_back(prompt, find_target(prompt), "another text")
    assert len(changed) == len(earlier) + 1
    assert all(new is old for new, old in zip(changed[:-1], earlier, strict=True))


def test_other_keys_of_the_turn_are_kept() -> None:
    changed = put_back([NEWEST], find_target([NEWEST]), "another text")
    assert changed == [{"role": "user", "content": "another text", "name": "mo"}]


def test_the_input_is_never_changed_in_place() -> None:
    parts = [part("text", "leeks?"), IMAGE]
    message = user(parts)
    prompt = [SYSTEM, message]
    put_back(prompt, find_target(prompt), "How do I grow leeks?")
    assert prompt == [SYSTEM, message]
    assert prompt[1] is message
    assert message["content"] is parts
    assert parts == [part("text", "leeks?"), IMAGE]


@pytest.mark.parametrize("kind", ["text", "input_text"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_single_text_part_is_the_target(kind: str, place: int) -> None:
    parts: list[object] = [IMAGE, AUDIO]
    parts.insert(place, part(kind, "what is this plant?"))
    target = find_target([user(parts)])
    assert (target.text, target.message, target.part) == ("what is this plant?", 0, place)


@pytest.mark.parametrize("kind", ["text", "input_text"])
def test_other_parts_are_the_same_objects_afterwards(kind: str) -> None:
    text = {**part(kind, "what is this plant?"), "cache_control": {"type": "ephemeral"}}
    prompt = [user([IMAGE, text, INPUT_IMAGE, AUDIO])]
    changed = put_back(prompt, find_target(prompt), "Which plant is this?")
    image, new, input_image, audio = content_of(changed)
    assert image is IMAGE
    assert input_image is INPUT_IMAGE
    assert audio is AUDIO
    assert new == {**text, "text": "Which plant is this?"}


def test_a_plain_string_may_be_a_part() -> None:
    prompt = [user([IMAGE, "what is this plant?"])]
    target = find_target(prompt)
    assert (target.text, target.part) == ("what is this plant?", 1)
    image, new = content_of(put_back(prompt, target, "Which plant is this?"))
    assert image is IMAGE
    assert new == "Which plant is this?"


def test_a_tuple_of_parts_is_read_like_a_list() -> None:
    prompt = (user((part("text", "what is this plant?"), IMAGE)),)
    target = find_target(prompt)
    assert (target.text, target.part) == ("what is this plant?", 0)
    assert list(content_of(put_back(prompt, target, "new"))) == [part("text", "new"), IMAGE]


def test_messages_may_be_any_mapping() -> None:
    message = MappingProxyType({"role": "user", "content": "leeks?"})
    prompt = [message]
    assert find_target(prompt).text == "leeks?"
    assert put_back(prompt, find_target(prompt), "new") == [{"role": "user", "content": "new"}]
    assert message["content"] == "leeks?"


@pytest.mark.parametrize(
    "prompt",
    [
        "how do I grow leeks?",
        "",
        [NEWEST],
        (SYSTEM, NEWEST),
        [SYSTEM, ASKED, ANSWERED, NEWEST],
        [user([part("text", "what is this?"), IMAGE])],
        [user(["what is this?", IMAGE])],
        [user([IMAGE])],
        [ASKED, ANSWERED],
    ],
)
def test_the_same_text_gives_the_very_same_prompt(prompt: Prompt) -> None:
    target = find_target(prompt)
    assert put_back(prompt, target, target.text or "") is prompt


@pytest.mark.parametrize(
    "content",
    [
        [IMAGE],
        [IMAGE, INPUT_IMAGE, AUDIO],
        [],
        [part("text", "")],
        [part("text", ""), IMAGE],
        [part("text", None), IMAGE],
        [part("text", 7)],
        [part("refusal", "no")],
        [{"type": "text"}],
        [{"text": "no type"}],
        [None, 3],
    ],
    ids=str,
)
def test_a_turn_without_text_has_no_target_and_stays(content: object) -> None:
    prompt = [SYSTEM, user(content)]
    target = find_target(prompt)
    assert target.text is None
    assert put_back(prompt, target, "anything") is prompt


@pytest.mark.parametrize(
    "content",
    [
        [part("text", "translate this"), part("text", "guten Tag")],
        [part("text", "translate this"), IMAGE, part("input_text", "guten Tag")],
        ["translate this", "guten Tag"],
        ["translate this", part("text", "guten Tag")],
    ],
    ids=str,
)
def test_with_several_texts_either_could_be_the_instruction_so_there_is_no_target(content: object) -> None:
    prompt = [user(content)]
    target = find_target(prompt)
    assert target.text is None
    assert put_back(prompt, target, "anything") is prompt


def test_an_empty_text_part_beside_a_text_does_not_count() -> None:
    target = find_target([user([part("text", ""), part("text", "what is this?")])])
    assert (target.text, target.part) == ("what is this?", 1)


@pytest.mark.parametrize(
    "last", [SYSTEM, DEVELOPER, ANSWERED, TOOL_CALL, TOOL, FUNCTION], ids=lambda last: str(last["role"])
)
def test_there_is_no_target_when_the_last_message_is_not_a_user_turn(last: Message) -> None:
    prompt = [SYSTEM, ASKED, last]
    target = find_target(prompt)
    assert target.text is None
    assert put_back(prompt, target, "anything") is prompt


@pytest.mark.parametrize(
    ("before", "history"),
    [
        ([], False),
        ([SYSTEM], False),
        ([SYSTEM, DEVELOPER], False),
        ([ASKED, ANSWERED], True),
        ([SYSTEM, ASKED, ANSWERED], True),
        ([ANSWERED], True),
        ([ASKED], True),
        ([ASKED, TOOL_CALL, TOOL], True),
    ],
)
def test_only_turns_of_the_conversation_are_history(before: list[Message], history: bool) -> None:
    assert find_target([*before, NEWEST]).has_history is history
    assert find_target([*before, user([part("text", "what is this?"), IMAGE])]).has_history is history


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool", "function"])
@pytest.mark.parametrize("content", [None, "", "text", [part("text", "a"), part("text", "b")]], ids=str)
def test_earlier_turns_of_other_roles_may_have_any_content(role: str, content: object) -> None:
    assert find_target([{"role": role, "content": content}, NEWEST]).text == NEWEST["content"]


def test_an_assistant_turn_needs_no_content() -> None:
    assert find_target([ASKED, {"role": "assistant", "tool_calls": []}, TOOL, NEWEST]).text == NEWEST["content"]


@pytest.mark.parametrize("prompt", [None, 7, 1.5, True, {"role": "user", "content": "x"}, {1, 2}, object(), b"x"])
def test_a_prompt_of_a_wrong_type_is_refused_by_the_name_of_its_type(prompt: object) -> None:
    with pytest.raises(PromptError, match=rf"str or a list of messages, got {type(prompt).__name__}"):
        find_target(cast(Prompt, prompt))


def test_bytes_of_any_kind_are_not_a_list_of_messages() -> None:
    with pytest.raises(PromptError, match="got bytearray"):
        find_target(cast(Prompt, bytearray(b"x")))


@pytest.mark.parametrize("prompt", [[], ()])
def test_an_empty_conversation_is_refused(prompt: Prompt) -> None:
    with pytest.raises(PromptError, match=r"empty.*at least one user message"):
        find_target(prompt)


@pytest.mark.parametrize("message", ["a text", 7, None, ["role", "user"], ("role", "user"), b"x"])
def test_a_message_that_is_no_mapping_is_refused_by_place_and_type(message: object) -> None:
    with pytest.raises(PromptError, match=rf"message 1 must be a dict.*got {type(message).__name__}"):
        find_target(cast(Prompt, [SYSTEM, message]))


@pytest.mark.parametrize("role", ["robot", "User", "human", "", None, 3])
def test_an_unknown_role_is_refused_and_the_known_ones_are_named(role: object) -> None:
    with pytest.raises(PromptError) as caught:
        find_target([SYSTEM, {"role": role, "content": "x"}])
    assert f"message 1 has role {role!r}" in str(caught.value)
    assert all(known in str(caught.value) for known in ROLES)


def test_a_role_that_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(PromptError, match="has role"):
        find_target([{"role": ["user"], "content": "x"}])


def test_a_message_without_a_role_is_refused() -> None:
    with pytest.raises(PromptError, match="message 0 has role None"):
        find_target([{"content": "x"}])


@pytest.mark.parametrize("content", [None, 7, 2.5, True, {"type": "text", "text": "x"}, b"x", object()])
@pytest.mark.parametrize("last", [True, False])
def test_a_user_turn_without_readable_content_is_refused_by_place_and_type(content: object, last: bool) -> None:
    bad = user(content)
    prompt = [SYSTEM, bad] if last else [SYSTEM, bad, NEWEST]
    with pytest.raises(PromptError, match=rf"message 1 needs content.*got {type(content).__name__}"):
        find_target(prompt)


def test_a_user_turn_without_content_is_refused() -> None:
    with pytest.raises(PromptError, match=r"message 0 needs content.*got NoneType"):
        find_target([{"role": "user"}])


def test_a_prompt_error_is_a_value_error_and_a_package_error() -> None:
    with pytest.raises(ValueError, match="empty") as caught:
        find_target([])
    assert isinstance(caught.value, BPOError)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.lists(st.sampled_from([SYSTEM, DEVELOPER, ASKED, ANSWERED, TOOL]), max_size=5),
    old=st.text(st.characters(), min_size=1),
    new=st.text(st.characters()),
    place=st.integers(0, 2),
    in_parts=st.booleans(),
)
def test_whatever_is_put_back_is_found_again_in_the_same_place(
    before: list[Message], old: str, new: str, place: int, in_parts: bool
) -> None:
    parts: list[object] = [IMAGE, AUDIO]
    parts.insert(place, part("text", old))
    prompt = [*before, user(parts if in_parts else old)]
    target = find_target(prompt)
    changed = put_back(prompt, target, new)
    assert target.text == old
    assert find_target(changed).text == (new if new or not in_parts else None)
    if new or not in_parts:
        assert put_back(changed, find_target(changed), old) == prompt
