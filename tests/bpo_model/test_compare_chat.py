"""Calls over a real server on loopback: what is tried again, how often, and what it costs."""

import asyncio
import email.utils
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bpo_model.compare.chat import Budget, BudgetSpentError, ChatError, OpenAIChat, ServedReply
from bpo_model.compare.store import Store
from bpo_model.compare.types import Chat

KEY = "sk-secret-0123456789-loopback"
ASKED = [{"role": "user", "content": "Why is the sky blue?"}]


class Script:
    """A server that answers what it is told, in order, and then always the last of it."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = [(200, {}, completion("Scattering."))]
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.most_at_once = self.at_once = 0
        self.hold = threading.Event()
        """Answers of status 0 wait for it."""
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def say(self, *answers: int | tuple[int, dict[str, str], Any]) -> None:
        """What comes next; a bare number is a status with a body that says nothing."""
        self.answers = [(one, {}, failure("no")) if isinstance(one, int) else one for one in answers]

    def next(self) -> tuple[int, dict[str, str], Any]:
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with script.lock:
                script.times.append(time.monotonic())
                script.headers.append({name.lower(): value for name, value in self.headers.items()})
                script.at_once += 1
                script.most_at_once = max(script.most_at_once, script.at_once)
            script.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, headers, body = script.next()
            if status == 0:
                script.hold.wait(30)
            with script.lock:
                script.at_once -= 1
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            try:
                self.send_response(status or 200)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the client waited no longer

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler


def completion(text: str, **changes: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "served-2026", "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}, **changes,
    }  # fmt: skip


def failure(message: str, **changes: Any) -> dict[str, Any]:
    """An error as OpenAI writes it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **changes}}


@pytest.fixture
def script() -> Iterator[Script]:
    server = Script()
    yield server
    server.hold.set()
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
async def chat(script: Script, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenAIChat]:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    async with OpenAIChat(script.url, "judge", "JUDGE_KEY", backoff_s=0.001, params={"temperature": 0}) as found:
        yield found


async def refused(chat: OpenAIChat) -> ChatError:
    """The error of a call that must fail."""
    with pytest.raises(ChatError) as caught:
        await chat(ASKED)
    return caught.value


async def test_an_answer_comes_with_what_it_cost(script: Script) -> None:
    async with OpenAIChat(script.url, "m", price_in=2.0, price_out=10.0) as chat:
        as_chat: Chat = chat
        reply = await as_chat(ASKED, max_tokens=9)
    assert isinstance(reply, ServedReply)
    assert (reply.text, reply.model, reply.finish_reason) == ("Scattering.", "served-2026", "stop")
    assert (reply.tokens_in, reply.tokens_out, reply.attempts, reply.dropped) == (1000, 200, 1, ())
    assert reply.usd == chat.budget.total == pytest.approx(0.004)
    assert reply.fingerprint == "fp_1"


async def test_parameters_of_the_call_go_before_those_of_the_endpoint(chat: OpenAIChat, script: Script) -> None:
    await chat(ASKED, temperature=1, top_k=5)
    assert script.bodies == [{"model": "judge", "messages": ASKED, "temperature": 1, "top_k": 5}]


async def test_a_429_waits_as_long_as_the_server_asks(chat: OpenAIChat, script: Script) -> None:
    script.say((429, {"Retry-After": "0.4"}, failure("slow down")), (200, {}, completion("ok")))
    assert (await chat(ASKED)).attempts == 2
    assert script.times[1] - script.times[0] >= 0.4


@pytest.mark.parametrize("nonsense", ["soon", "-1", "nan", "inf", ""])
async def test_a_senseless_retry_after_is_no_reason_to_wait_or_fail(
    chat: OpenAIChat, script: Script, nonsense: str
) -> None:
    script.say((429, {"Retry-After": nonsense}, failure("no")), (200, {}, completion("ok")))
    assert (await chat(ASKED)).attempts == 2


@pytest.mark.parametrize("asked", ["3600", email.utils.formatdate(time.time() + 36_000, usegmt=True)])
async def test_a_wait_beyond_the_deadline_fails_at_once(script: Script, asked: str) -> None:
    script.say((429, {"Retry-After": asked}, failure("come back later")))
    async with OpenAIChat(script.url, "m", deadline_s=60) as chat:
        error = await refused(chat)
    assert (error.status, error.attempts, len(script.bodies)) == (429, 1, 1)
    assert "come back later" in str(error)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_what_may_pass_is_tried_six_times_and_then_an_error(
    chat: OpenAIChat, script: Script, status: int
) -> None:
    script.say(status)
    error = await refused(chat)
    assert (error.status, error.attempts, len(script.bodies)) == (status, 6, 6)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_what_cannot_pass_is_not_tried_again(chat: OpenAIChat, script: Script, status: int) -> None:
    script.say(status)
    error = await refused(chat)
    assert (error.status, error.attempts, len(script.bodies)) == (status, 1, 1)


async def test_an_empty_account_is_not_tried_again(chat: OpenAIChat, script: Script) -> None:
    script.say((429, {}, failure("You exceeded your current quota.", code="insufficient_quota")))
    assert (await refused(chat)).attempts == len(script.bodies) == 1


async def test_a_server_that_recovers_is_an_answer(chat: OpenAIChat, script: Script) -> None:
    script.say(500, 502, 429, (200, {}, completion("at last")))
    reply = await chat(ASKED)
    assert (reply.text, reply.attempts) == ("at last", 4)


async def test_a_server_that_hangs_is_left_and_asked_again(script: Script) -> None:
    script.say((0, {}, completion("late")), (200, {}, completion("in time")))
    async with OpenAIChat(script.url, "m", timeout_s=0.3, backoff_s=0.001) as chat:
        reply = await chat(ASKED)
    assert (reply.text, reply.attempts) == ("in time", 2)


async def test_the_deadline_ends_a_call_whatever_attempts_are_left(script: Script) -> None:
    script.say((0, {}, completion("late")))
    async with OpenAIChat(script.url, "m", deadline_s=0.3, backoff_s=0.001) as chat:
        error = await refused(chat)
    assert (error.status, error.attempts) == (None, 1)
    assert "did not answer in time" in str(error)


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with OpenAIChat(address, "m", attempts=3, backoff_s=0.001) as chat:
        error = await refused(chat)
    assert (error.status, error.attempts) == (None, 3)
    assert "could not reach" in str(error)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", "<html>Bad gateway</html>"),
        ("application/json", '{"choices": [{"mess'),
        ("application/json", '{"error": "overloaded", "choices": null}'),
        ("application/json", '{"choices": []}'),
        ("application/json", "[]"),
    ],
)
async def test_a_200_without_a_completion_is_tried_again(
    chat: OpenAIChat, script: Script, kind: str, body: str
) -> None:
    script.say((200, {"Content-Type": kind}, body), (200, {}, completion("ok")))
    assert (await chat(ASKED)).attempts == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, failure("Unsupported value: 'temperature' does not support 0.", param="temperature")),
        (400, failure("Unsupported parameter: 'temperature'.", code="unsupported_parameter", param="temperature")),
        (400, failure("`temperature` is deprecated for this model.")),
        (422, failure("body.temperature: Extra inputs are not permitted")),
    ],
)
async def test_an_unsupported_temperature_is_dropped_once_and_recorded(
    chat: OpenAIChat, script: Script, status: int, error: dict[str, Any]
) -> None:
    script.say((status, {}, error), (200, {}, completion("ok")))
    first, second = await chat(ASKED), await chat(ASKED)
    assert ["temperature" in body for body in script.bodies] == [True, False, False]
    assert first.dropped == second.dropped == ("temperature",)
    assert first.attempts == 1


async def test_both_parameters_may_be_dropped_one_after_the_other(chat: OpenAIChat, script: Script) -> None:
    names = ("temperature", "max_tokens")
    refusals: list[tuple[int, dict[str, str], Any]] = [
        (400, {}, failure(f"Unsupported parameter: '{name}'.", param=name)) for name in names
    ]
    script.say(*refusals, (200, {}, completion("ok")))
    assert (await chat(ASKED, max_tokens=5)).dropped == ("max_tokens", "temperature")


@pytest.mark.parametrize(
    "error",
    [
        failure("max_tokens is too large: 50000. This model supports at most 4096 tokens.", param="max_tokens"),
        failure("Unsupported parameter: 'seed'.", param="seed"),
        failure("Unsupported parameter: 'max_tokens'.", param="max_tokens"),  # which was not sent
    ],
)
async def test_no_other_parameter_is_dropped(chat: OpenAIChat, script: Script, error: dict[str, Any]) -> None:
    script.say((400, {}, error))
    assert (await refused(chat)).status == 400
    assert len(script.bodies) == 1


async def test_no_more_calls_are_on_their_way_than_the_endpoint_has_places(script: Script) -> None:
    script.say((0, {}, completion("ok")))
    async with OpenAIChat(script.url, "m", concurrency=3) as chat:
        calls = asyncio.gather(*(chat(ASKED) for _ in range(12)))
        async with asyncio.timeout(20):
            while len(script.bodies) < 3:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(script.bodies) == 3
        script.hold.set()
        assert len(await calls) == 12
    assert script.most_at_once == 3


async def test_a_call_that_is_cancelled_gives_its_place_back(script: Script) -> None:
    script.say((0, {}, completion("late")), (200, {}, completion("ok")))
    async with OpenAIChat(script.url, "m", concurrency=1) as chat:
        call = asyncio.create_task(chat(ASKED))
        async with asyncio.timeout(20):
            while not script.bodies:
                await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await chat(ASKED)).text == "ok"


async def test_thinking_is_no_part_of_an_answer(chat: OpenAIChat, script: Script) -> None:
    script.say((200, {}, completion("<think>[[A]]?</think>\n\nBlue light scatters.")))
    assert (await chat(ASKED)).text == "Blue light scatters."


async def test_a_spent_budget_allows_no_further_call(script: Script) -> None:
    budget = Budget(max_usd=0.005)
    async with OpenAIChat(script.url, "m", price_in=2.0, price_out=10.0, budget=budget) as chat:
        await chat(ASKED)
        await chat(ASKED)
        with pytest.raises(BudgetSpentError, match=r"\$0\.0080 of \$0\.0050"):
            await chat(ASKED)
    assert len(script.bodies) == 2


async def test_a_budget_covers_all_endpoints(script: Script) -> None:
    budget = Budget(max_usd=0.004)
    price: dict[str, Any] = {"price_in": 2.0, "price_out": 10.0, "budget": budget}
    async with OpenAIChat(script.url, "one", **price) as one, OpenAIChat(script.url, "two", **price) as two:
        await one(ASKED)
        with pytest.raises(BudgetSpentError):
            await two(ASKED)


async def test_an_unknown_price_is_none_and_never_nothing(script: Script) -> None:
    async with OpenAIChat(script.url, "m", price_in=2.0) as chat:
        assert (await chat(ASKED)).usd is None
        assert chat.budget.total is None


async def test_a_limit_needs_a_price(script: Script) -> None:
    with pytest.raises(ValueError, match="the price of 'm' is unknown"):
        OpenAIChat(script.url, "m", budget=Budget(max_usd=1))
    free = OpenAIChat(script.url, "m", price_in=0, price_out=0, budget=Budget(max_usd=1))
    async with free:
        assert (await free(ASKED)).usd == 0.0


async def test_a_limit_that_can_no_longer_be_kept_stops_the_calls(script: Script) -> None:
    script.say((200, {}, completion("ok", usage=None)))
    async with OpenAIChat(script.url, "m", price_in=2.0, price_out=1.0, budget=Budget(max_usd=1)) as chat:
        assert (await chat(ASKED)).usd is None
        with pytest.raises(BudgetSpentError, match="cannot be kept"):
            await chat(ASKED)


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_the_key_is_sent_and_stands_nowhere_else(
    chat: OpenAIChat, script: Script, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    reply = await chat(ASKED)
    script.say((status, {}, failure(f"{'x' * 480} Incorrect key: {KEY}")))
    error = await refused(chat)
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in script.headers)
    shown = [repr(chat), str(vars(chat)), repr(reply), json.dumps(asdict(reply)), caplog.text]
    shown += [str(error), repr(error), str(error.__cause__), str(error.__context__), str(vars(error))]
    assert KEY[:12] not in " ".join(shown)


async def test_a_password_in_the_url_is_not_shown(script: Script) -> None:
    url = script.url.replace("//", "//me:hunter2@") + "?api-key=hunter2"
    async with OpenAIChat(url, "m", attempts=1) as chat:
        script.say(500)
        assert "hunter2" not in f"{chat!r} {await refused(chat)}"


async def test_a_missing_key_is_an_error_before_the_first_call(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    chat = OpenAIChat(script.url, "m", "NO_SUCH_KEY")  # `plan` makes endpoints and has no keys
    with pytest.raises(ValueError, match=r"\$NO_SUCH_KEY is not set"):
        await chat.__aenter__()
    assert script.bodies == []


async def test_a_key_that_no_header_may_hold_is_an_error_that_does_not_show_it(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-ключ")
    with pytest.raises(ValueError, match="JUDGE_KEY") as caught:
        await OpenAIChat(script.url, "m", "JUDGE_KEY")(ASKED)
    assert "ключ" not in str(caught.value)


async def test_a_mistake_of_ours_is_raised_as_it_is(chat: OpenAIChat) -> None:
    with pytest.raises(TypeError):
        await chat(ASKED, stop=object())


async def test_no_file_of_a_run_holds_the_key(chat: OpenAIChat, script: Script, tmp_path: Path) -> None:
    with Store(tmp_path, "d" * 64, {"models": [repr(chat)]}) as store:
        store.put("answer", {"key": "ok", "status": "ok", **asdict(await chat(ASKED))})
        script.say((401, {}, failure(f"Incorrect key: {KEY}")))
        store.put("answer", {"key": "bad", "status": "error", "error": str(await refused(chat))})
    files = [file for file in tmp_path.iterdir() if file.stat().st_size]
    assert {"manifest.json", "responses.jsonl"} <= {file.name for file in files}
    assert not any(KEY in file.read_text(encoding="utf-8") for file in files)
