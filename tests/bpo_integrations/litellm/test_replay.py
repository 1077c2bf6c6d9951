"""The memory of what went out."""

from typing import Any

import pytest

from bpo_integrations import _replay
from bpo_integrations._replay import Replay, fingerprints


def turn(text: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def again(memory: Replay, *messages: dict[str, Any]) -> list[Any]:
    """The messages with what was sent before."""
    return memory.earlier(messages, messages, fingerprints(messages))


def sent(memory: Replay, *messages: dict[str, Any], text: str) -> None:
    """Note what became of the last message."""
    memory.remember(fingerprints(messages)[-1], text)


def test_an_earlier_turn_is_replayed_only_after_the_same_conversation() -> None:
    memory = Replay()
    sent(memory, turn("a"), text="A")
    answer, newest = turn("x", "assistant"), turn("b")
    assert again(memory, turn("a"), answer, newest) == [turn("A"), answer, newest]
    other = [turn("hi", "system"), turn("a"), newest]
    assert again(memory, *other) == other


def test_the_newest_turn_is_never_replayed() -> None:
    memory = Replay()
    sent(memory, turn("a"), text="A")
    assert again(memory, turn("a")) == [turn("a")]
    assert again(memory) == []


def test_tool_results_that_look_like_user_turns_are_not_replaced() -> None:
    memory, messages = Replay(), [turn("a"), turn("b")]
    sent(memory, turn("a"), text="A")
    read = [turn("", "tool"), turn("b")]
    assert memory.earlier(messages, read, fingerprints(messages)) == messages


def test_a_client_may_move_its_cache_mark_to_the_newest_turn() -> None:
    """Anthropic's clients mark the newest turn, and only this; the mark itself is the client's affair."""
    memory, mark = Replay(), {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": "a"}
    sent(memory, turn([{**part, **mark}]), text="A")
    newest = turn([{"type": "text", "text": "b", **mark}])
    assert again(memory, turn("a"), newest)[0] == turn("A")
    assert again(memory, turn([part]), newest)[0] == turn([{"type": "text", "text": "A"}])
    assert again(memory, turn([{**part, **mark}]), newest)[0] == turn([{"type": "text", "text": "A", **mark}])


def test_all_else_in_a_message_makes_another_conversation() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/1.png"}}
    texts = [{"type": "text", "text": "a"}]
    others = [turn("a "), turn(["a"]), turn([*texts, image]), turn([image, *texts]), {**turn("a"), "name": "jo"}]
    others.append(turn([{**texts[0], "citations": ["b"]}]))
    prints = [fingerprints([message])[0] for message in [turn("a"), *others]]
    assert len(set(prints)) == len(prints)


def test_images_are_not_remembered_but_stay_in_their_turn() -> None:
    memory, image = Replay(), {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9999}}
    seen = turn([image, {"type": "text", "text": "a"}])
    sent(memory, seen, text="A")
    assert again(memory, seen, turn("b"))[0] == turn([image, {"type": "text", "text": "A"}])
    assert memory._size < 999


def test_those_not_used_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replay, "CHARACTERS", 3 * (_replay.OVERHEAD + 1))
    memory = Replay()
    for letter in "abc":
        sent(memory, turn(letter), text=letter.upper())
    again(memory, turn("a"), turn("next"))
    for letter in "ddee":
        sent(memory, turn(letter), text=letter.upper())
    replayed = [again(memory, turn(letter), turn("next"))[0]["content"] for letter in "abcde"]
    assert replayed == ["A", "b", "c", "D", "E"]


def test_a_text_longer_than_the_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replay, "CHARACTERS", 1000)
    memory = Replay()
    sent(memory, turn("a"), text="A" * 1000)
    assert again(memory, turn("a"), turn("b"))[0] == turn("a")
    assert memory._size == 0
