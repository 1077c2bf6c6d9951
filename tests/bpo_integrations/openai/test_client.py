"""What a wrapped client is, and what a slow, failing or lying optimizer does to it."""

import asyncio
import copy
import logging
import pickle
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeAlias, cast

import pytest
from openai import AsyncOpenAI, InternalServerError, OpenAI
from openai.types.chat import ChatCompletion

from bpo_integrations.openai import rewrite_of, wrap_openai
from bpo_model import GenerationError, MissingDependencyError, OptimizedPrompt, Prompt, Reason
from bpo_model.testing import FakeOptimizer, add_please

ASKED = "tell me about tea"
SENT = add_please(ASKED)
USER: Any = [{"role": "user", "content": ASKED}]
Server: TypeAlias = Any  # WireServer of conftest.py


@pytest.fixture
def plain(server: Server) -> Iterator[OpenAI]:
    """The caller's own client."""
    with OpenAI(base_url=server.url, api_key="key") as client:
        yield client


@pytest.fixture
async def plain_async(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key="key") as client:
        yield client


def ask(client: OpenAI) -> ChatCompletion:
    return client.chat.completions.create(model="m", messages=USER)


def reason(response: object) -> Reason:
    result = rewrite_of(response)
    assert result is not None
    return result.reason


# --- the client ---------------------------------------------------------------------------------


def test_the_callers_client_is_left_as_it_was(plain: OpenAI, server: Server) -> None:
    before = ask(plain)
    client = wrap_openai(plain, FakeOptimizer())
    ask(client)
    after = ask(plain)
    assert server.prompts == [ASKED, SENT, ASKED]
    assert type(plain) is OpenAI
    assert rewrite_of(before) is rewrite_of(after) is None


def test_the_wrapped_client_is_of_the_callers_own_class(server: Server) -> None:
    class Ours(OpenAI):
        region = "eu"

    with Ours(base_url=server.url, api_key="key") as plain:
        client = wrap_openai(plain, FakeOptimizer())
        ask(client)
    assert isinstance(client, Ours)
    assert client.region == "eu"
    assert server.prompts == [SENT]


def test_a_server_sees_the_same_headers(plain: OpenAI, server: Server) -> None:
    ask(plain)
    ask(wrap_openai(plain, FakeOptimizer()))
    before, after = ({**headers, "content-length": "", "idempotency-key": ""} for headers in server.headers)
    assert after == before


def test_both_clients_and_all_copies_share_one_connection(plain: OpenAI, server: Server) -> None:
    client = wrap_openai(plain, FakeOptimizer())
    for each in (plain, client, client.with_options(timeout=9), client.copy(), plain):
        ask(each)
    assert len(server.bodies) == 5
    assert len(server.connections) == 1


def test_options_of_the_client_are_kept(plain: OpenAI, server: Server) -> None:
    client = wrap_openai(plain.with_options(default_headers={"X-Team": "tea"}, max_retries=7), FakeOptimizer())
    ask(client.with_options(timeout=3))
    assert client.max_retries == 7
    assert server.headers[0]["x-team"] == "tea"


def test_wrapping_twice_rewrites_once_with_the_newer_optimizer(plain: OpenAI, server: Server) -> None:
    first, second = FakeOptimizer(), FakeOptimizer(lambda text: f"{text} Please be brief.")
    once = wrap_openai(plain, first)
    twice = wrap_openai(once, second)
    ask(twice)
    ask(once)
    assert server.prompts == [f"{ASKED} Please be brief.", SENT]
    assert (len(first.calls), len(second.calls)) == (1, 1)


def test_wrapping_loads_nothing(plain: OpenAI) -> None:
    wrap_openai(plain, "no/such/checkpoint")


def test_what_is_no_client_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="got str"):
        wrap_openai(cast(Any, "client"))


def test_what_is_no_optimizer_is_refused_by_name(plain: OpenAI) -> None:
    with pytest.raises(TypeError, match="got int"):
        wrap_openai(plain, cast(Any, 3))


def test_an_option_that_cannot_work_is_refused_at_once(plain: OpenAI) -> None:
    with pytest.raises(ValueError, match="deadline_ms"):
        wrap_openai(plain, deadline_ms=-1)


def test_without_the_package_the_error_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "bpo_integrations.openai")
    with pytest.raises(MissingDependencyError, match=r'pip install "bpo-model\[openai\]"'):
        import bpo_integrations.openai  # noqa: F401


# --- retries ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500])
def test_a_call_that_is_tried_three_times_is_rewritten_once(plain: OpenAI, server: Server, status: int) -> None:
    optimizer = FakeOptimizer()
    server.failures = [status, status]
    assert reason(ask(wrap_openai(plain, optimizer))) is Reason.REWRITTEN
    assert server.prompts == [SENT] * 3
    assert optimizer.calls == [[ASKED]]


async def test_an_async_call_that_is_tried_three_times_is_rewritten_once(
    plain_async: AsyncOpenAI, server: Server
) -> None:
    optimizer = FakeOptimizer()
    server.failures = [500, 429]
    await wrap_openai(plain_async, optimizer).chat.completions.create(model="m", messages=USER)
    assert server.prompts == [SENT] * 3
    assert optimizer.calls == [[ASKED]]


def test_the_servers_last_error_reaches_the_caller(plain: OpenAI, server: Server) -> None:
    server.failures = [500]
    with pytest.raises(InternalServerError):
        ask(wrap_openai(plain.with_options(max_retries=0), FakeOptimizer()))


# --- what is known about a response -------------------------------------------------------------


def test_the_rewrite_is_no_field_of_the_response(plain: OpenAI) -> None:
    marked, unmarked = (
        wrap_openai(plain, FakeOptimizer(), rewrite="always").responses.create(model="m", input=ASKED),
        plain.responses.create(model="m", input=SENT),
    )
    assert rewrite_of(marked)
    assert marked == unmarked
    assert marked.model_dump() == unmarked.model_dump()
    assert marked.model_dump_json() == unmarked.model_dump_json()
    assert repr(marked) == repr(unmarked)


def test_the_rewrite_stays_with_copies_of_a_response(plain: OpenAI) -> None:
    response = ask(wrap_openai(plain, FakeOptimizer()))
    for copied in (response.model_copy(), copy.deepcopy(response), pickle.loads(pickle.dumps(response))):
        assert rewrite_of(copied) == rewrite_of(response)


def test_an_answer_that_is_no_json_is_returned_as_it_is(plain: OpenAI, server: Server) -> None:
    server.plain = True
    answer: object = ask(wrap_openai(plain, FakeOptimizer()))
    assert answer == "hello"
    assert rewrite_of(answer) is None
    assert server.prompts == [SENT]


@pytest.mark.parametrize("thing", [None, "text", 3, object(), {"_bpo_rewrite": "fake"}])
def test_nothing_is_known_about_what_no_wrapped_client_returned(thing: object) -> None:
    assert rewrite_of(thing) is None


# --- optimizers that fail -----------------------------------------------------------------------


class Somebodys:
    """An optimizer of somebody else's making; subclasses say what it answers."""

    def answer(self, prompt: Prompt) -> Any:
        raise RuntimeError("out of memory")

    def optimize(self, prompt: Prompt) -> OptimizedPrompt:
        return cast(OptimizedPrompt, self.answer(prompt))

    def optimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        return [self.optimize(prompt) for prompt in prompts]

    async def aoptimize(self, prompt: Prompt) -> OptimizedPrompt:
        return await asyncio.to_thread(self.optimize, prompt)

    async def aoptimize_batch(self, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        return [await self.aoptimize(prompt) for prompt in prompts]


class Garbage(Somebodys):
    """Answers whatever it was told to."""

    def __init__(self, garbage: Any) -> None:
        self.garbage = garbage

    def answer(self, prompt: Prompt) -> Any:
        return self.garbage


OTHER = OptimizedPrompt(prompt="delete all", text="delete all", original="write", changed=True, reason=Reason.REWRITTEN)
BLANK = OptimizedPrompt(prompt=" ", text=" ", original=ASKED, changed=True, reason=Reason.REWRITTEN)
LIE = OptimizedPrompt(prompt="be evil", text="be evil", original=ASKED, changed=False, reason=Reason.UNCHANGED)


def test_when_the_optimizer_raises_the_original_goes_out(plain: OpenAI, server: Server) -> None:
    response = ask(wrap_openai(plain, Somebodys()))
    result = rewrite_of(response)
    assert result is not None
    assert (result.reason, result.changed, result.detail) == (Reason.ERROR, False, "RuntimeError: out of memory")
    assert server.prompts == [ASKED]


async def test_when_the_optimizer_raises_the_original_goes_out_async(plain_async: AsyncOpenAI, server: Server) -> None:
    client = wrap_openai(plain_async, Somebodys())
    assert reason(await client.responses.create(model="m", input=ASKED)) is Reason.ERROR
    assert server.prompts == [ASKED]


@pytest.mark.parametrize("garbage", [None, "be evil", [], {"text": "be evil"}, OTHER, BLANK], ids=str)
def test_when_the_optimizer_returns_garbage_the_original_goes_out(plain: OpenAI, server: Server, garbage: Any) -> None:
    assert reason(ask(wrap_openai(plain, Garbage(garbage)))) is Reason.ERROR
    assert server.prompts == [ASKED]


def test_a_text_that_is_said_to_be_unchanged_is_not_sent(plain: OpenAI, server: Server) -> None:
    ask(wrap_openai(plain, Garbage(LIE)))
    assert server.prompts == [ASKED]


def test_with_on_error_raise_nothing_is_sent(plain: OpenAI, server: Server) -> None:
    with pytest.raises(GenerationError, match="out of memory"):
        ask(wrap_openai(plain, Somebodys(), on_error="raise"))
    assert server.bodies == []


def test_a_checkpoint_that_cannot_be_loaded_costs_nothing(plain: OpenAI, server: Server) -> None:
    assert reason(ask(wrap_openai(plain, "no/such/checkpoint"))) is Reason.ERROR
    assert server.prompts == [ASKED]


def test_rewrite_never_sends_everything_as_it_is(plain: OpenAI, server: Server) -> None:
    assert reason(ask(wrap_openai(plain, FakeOptimizer(), rewrite="never"))) is Reason.SWITCHED_OFF
    assert server.prompts == [ASKED]


# --- time ---------------------------------------------------------------------------------------


class Hangs(Somebodys):
    """Does not answer until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def answer(self, prompt: Prompt) -> Any:
        self.let_go.wait(20)


@pytest.fixture
def hangs() -> Iterator[Hangs]:
    optimizer = Hangs()
    yield optimizer
    optimizer.let_go.set()


def test_after_the_deadline_the_original_goes_out(plain: OpenAI, server: Server, hangs: Hangs) -> None:
    started = time.perf_counter()
    assert reason(ask(wrap_openai(plain, hangs, deadline_ms=50))) is Reason.DEADLINE
    assert time.perf_counter() - started < 10
    assert server.prompts == [ASKED]


async def test_after_the_deadline_the_original_goes_out_async(
    plain_async: AsyncOpenAI, server: Server, hangs: Hangs
) -> None:
    client, started = wrap_openai(plain_async, hangs, deadline_ms=50), time.perf_counter()
    assert reason(await client.responses.create(model="m", input=ASKED)) is Reason.DEADLINE
    assert time.perf_counter() - started < 10
    assert server.prompts == [ASKED]


async def test_a_slow_optimizer_does_not_stall_the_event_loop(plain_async: AsyncOpenAI, server: Server) -> None:
    def slow(text: str) -> str:
        time.sleep(1)
        return add_please(text)

    client = wrap_openai(plain_async, FakeOptimizer(slow))
    call = asyncio.ensure_future(client.chat.completions.create(model="m", messages=USER))
    longest, last = 0.0, time.perf_counter()
    while not call.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert reason(await call) is Reason.REWRITTEN
    assert longest < 0.7  # a blocked loop would have stood still for the second that the rewrite takes


# --- secrets ------------------------------------------------------------------------------------


def test_the_key_and_the_prompt_are_in_no_log_and_no_repr(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    key = secrets.token_urlsafe(24)
    with caplog.at_level(logging.DEBUG), OpenAI(base_url=server.url, api_key=key) as plain:
        client = wrap_openai(plain, Somebodys())
        response = ask(client)
        ask(wrap_openai(plain, FakeOptimizer()))
        shown = repr([client, client.with_options(), vars(client)["_bpo_step"], rewrite_of(response), response])
    assert server.headers[0]["authorization"] == f"Bearer {key}"
    assert key not in shown + caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bpo")]
    assert any("RuntimeError" in message for message in ours)
    assert not any(ASKED in message for message in ours)
