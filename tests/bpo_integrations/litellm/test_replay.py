"""The memory of what went out."""

import pytest

from bpo_integrations import _replay
from bpo_integrations._replay import Replay


def turn(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


def test_an_earlier_turn_is_replayed_only_after_the_same_conversation() -> None:
    memory, asked, sent = Replay(), [turn("a")], [turn("A")]
    memory.remember(asked, sent)
    later = [turn("a"), turn("x", "assistant"), turn("b")]
    assert memory.earlier(later, later) == [turn("A"), turn("x", "assistant"), turn("b")]
    other = [turn("hi", "system"), turn("a"), turn("b")]
    assert memory.earlier(other, other) == other


def test_the_newest_turn_is_never_replayed() -> None:
    memory = Replay()
    memory.remember([turn("a")], [turn("A")])
    assert memory.earlier([turn("a")], [turn("a")]) == [turn("a")]


def test_tool_results_that_look_like_user_turns_are_not_replaced() -> None:
    memory, asked = Replay(), [turn("a")]
    memory.remember(asked, [turn("A")])
    read = [{"role": "tool", "content": ""}, turn("b")]
    assert memory.earlier([turn("a"), turn("b")], read) == [turn("a"), turn("b")]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replay, "REMEMBERED", 3)
    memory = Replay()
    for letter in "abcde":
        memory.remember([turn(letter)], [turn(letter.upper())])
    both = [[turn(letter), turn("next")] for letter in "abcde"]
    assert [memory.earlier(talk, talk)[0]["content"] for talk in both] == ["a", "b", "C", "D", "E"]
