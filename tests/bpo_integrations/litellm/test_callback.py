"""The hook itself: what is hard to provoke through a proxy."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from bpo_model import MissingDependencyError
from bpo_model.testing import FakeOptimizer

if find_spec("litellm") is None:
    pytest.skip("litellm is not installed", allow_module_level=True)

ASK = "tell me about tea"
REWRITE = f"{ASK} Please explain your answer."


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[..., Any]]:
    """The class; imported here, because it takes seconds, and LiteLLM fetches a list of prices unless told not to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        yield import_module("bpo_integrations.litellm").BPOCallback


def chat(*texts: str, **more: Any) -> dict[str, Any]:
    """The body of a chat completion; user and assistant take turns."""
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)], **more}


async def hooked(callback: Any, data: dict[str, Any], call_type: str = "acompletion", key: Any = None) -> str | None:
    """Run both hooks on a request; gives the reason of the header."""
    assert await callback.async_pre_call_hook(SimpleNamespace(metadata=key), None, data, call_type) is data
    headers = await callback.async_post_call_response_headers_hook(data, None, None)
    return None if headers is None else str(headers["x-bpo-reason"])


class Spy(FakeOptimizer):
    """Writes down what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[Any] = []
        self.deadlines: list[float] = []

    async def aoptimize_batch(self, prompts: Any, **options: Any) -> Any:
        self.prompts.extend(prompts)
        self.deadlines.append(options["deadline_ms"])
        return await super().aoptimize_batch(prompts, **options)


def asleep(text: str) -> str:
    """A model that takes two seconds."""
    time.sleep(2)
    return text


async def test_after_the_deadline_the_original_goes_out_and_nobody_else_waited(make: Any) -> None:
    """The event loop is the whole proxy's."""
    data, pauses, last = chat(ASK), [], time.perf_counter()
    request = asyncio.create_task(hooked(make(FakeOptimizer(asleep), deadline_ms=500), data))
    while not request.done():
        await asyncio.sleep(0.005)
        pauses.append(time.perf_counter() - last)
        last = time.perf_counter()
    assert await request == "deadline"
    assert data["messages"] == chat(ASK)["messages"]
    assert max(pauses) < 0.4
    assert sum(pauses) < 2


async def test_the_deadline_may_come_from_the_environment(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = make(spy := Spy())
    monkeypatch.setenv("BPO_DEADLINE_MS", "12345")  # the proxy sets it after it has loaded its callbacks
    await hooked(callback, chat(ASK))
    assert 10000 < spy.deadlines[0] <= 12345


async def test_without_a_setting_the_deadline_is_two_seconds(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPO_DEADLINE_MS", raising=False)
    await hooked(make(spy := Spy()), chat(ASK))
    assert 1000 < spy.deadlines[0] <= 2000


async def test_a_setting_that_cannot_work_costs_no_request(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BPO_DEADLINE_MS", "soon")
    data = chat(ASK)
    assert await hooked(make(FakeOptimizer()), data) is None
    assert data == chat(ASK)
    assert "ValueError" in caplog.text
    assert ASK not in caplog.text


@pytest.mark.parametrize("metadata", [{"bpo": "off"}, {"bpo": "OFF"}, {"bpo": False}])
async def test_a_key_can_be_off(make: Any, metadata: Any) -> None:
    assert await hooked(make(FakeOptimizer()), data := chat(ASK), key=metadata) == "switched_off"
    assert data["messages"] == chat(ASK)["messages"]


@pytest.mark.parametrize("metadata", [None, {}, {"bpo": "on"}, {"bpo": True}, {"bpo": {"reason": "off"}}, "off", ["x"]])
async def test_nothing_else_is_off_whatever_the_client_sends(make: Any, metadata: Any) -> None:
    data = chat(ASK, metadata=metadata, litellm_metadata=metadata)
    assert await hooked(make(FakeOptimizer()), data, key=metadata) == "rewritten"
    assert data["messages"] == chat(REWRITE)["messages"]


async def test_off_also_leaves_earlier_turns_alone(make: Any) -> None:
    callback, turns = make(FakeOptimizer()), (ASK, "A drink.", "tell me about cups")
    await hooked(callback, chat(ASK))
    await hooked(callback, data := chat(*turns, metadata={"bpo": "off"}))
    assert data["messages"] == chat(*turns)["messages"]
    await hooked(callback, data := chat(*turns))
    assert data["messages"][0]["content"] == REWRITE


async def test_loggers_find_the_facts_without_any_text(make: Any) -> None:
    data = chat(ASK, metadata={"user": "jo"})
    await hooked(make(FakeOptimizer()), data)
    assert data["metadata"]["user"] == "jo"
    assert data["metadata"]["bpo"]["changed"] is True
    assert ASK not in str(data["metadata"])


@pytest.mark.parametrize("earlier", [{"previous_response_id": "r1"}, {"conversation": "c1"}])
async def test_turns_that_only_the_provider_knows_count_as_history(make: Any, earlier: dict[str, Any]) -> None:
    """It has them as they were sent, so there is nothing to replay and nothing to remember."""
    callback = make(spy := Spy())
    data: dict[str, Any] = {"input": ASK, **earlier}
    assert await hooked(callback, data, "aresponses") == "rewritten"
    assert data["input"] == REWRITE
    assert [turn["role"] for turn in spy.prompts[0]] == ["assistant", "user"]
    await hooked(callback, data := chat(ASK, "A drink.", "tell me about cups"))
    assert data["messages"][0]["content"] == ASK


@pytest.mark.parametrize(
    ("data", "call_type"),
    [
        ({"input": ASK, "prompt": {"id": "template"}}, "aresponses"),
        ({"prompt": ASK}, "atext_completion"),
        ({"input": ASK}, "aembedding"),
        ({"messages": []}, "acompletion"),
        ({"messages": {"role": "user", "content": ASK}}, "acompletion"),
        ({"input": 7}, "aresponses"),
        ({"messages": [{"role": "user", "content": None}]}, "acompletion"),
    ],
    ids=["template", "legacy", "embedding", "no messages", "no list", "a number", "no content"],
)
async def test_what_is_no_prompt_goes_by_without_a_word(
    make: Any, data: dict[str, Any], call_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = dict(data)
    assert await hooked(make(FakeOptimizer()), data, call_type) is None
    assert data == before
    assert caplog.text == ""


async def test_a_text_beside_a_tool_result_is_not_a_prompt(make: Any) -> None:
    """Anthropic's form of a tool loop: agents put their own reminders there."""
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "facts"}
    data = {"messages": [{"role": "user", "content": [result, {"type": "text", "text": ASK}]}]}
    before = dict(data)
    assert await hooked(make(FakeOptimizer()), data, "anthropic_messages") == "no_user_text"
    assert data["messages"] == before["messages"]


async def test_the_clients_own_messages_are_not_written_to(make: Any) -> None:
    data = chat(ASK)
    given = data["messages"]
    await hooked(make(FakeOptimizer()), data)
    assert given == chat(ASK)["messages"]
    assert data["messages"] is not given


async def test_a_cancelled_request_is_cancelled(make: Any, slow: FakeOptimizer) -> None:
    request = asyncio.create_task(hooked(make(slow), chat(ASK)))
    await asyncio.sleep(0.05)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


def test_without_the_package_the_error_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bpo_integrations.litellm", raising=False)
    monkeypatch.setitem(sys.modules, "litellm.integrations.custom_logger", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "bpo-model\[litellm\]"'):
        import_module("bpo_integrations.litellm")
