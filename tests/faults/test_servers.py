"""A server that fails in every way there is: each original goes out, and its neighbours get their rewrites."""

import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from bpo_model import OpenAICompatible, Prompt, Reason
from tests.faults.harness import DEADLINE_MS, LONG, Stopwatch, assert_untouched, rewritten
from tests.faults.server import Handler, Server, Trouble, at_first, endless, hang, hang_up, status, trickling


def half_a_json(handler: Handler, _: int) -> None:
    handler.reply(200, b'{"choices": [{"text": "Tell me about')


def closed_half_way(handler: Handler, _: int) -> None:
    handler.reply(200, b'{"choices": [', Content_Length="5000")


def completion(text: object, **more: Any) -> Any:
    return {"choices": [{"text": text, "finish_reason": "stop", **more}]}


def later(seconds: float) -> str:
    """A date for Retry-After."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


TROUBLES: dict[str, tuple[Trouble, Reason, str]] = {
    "apple": (status(400), Reason.ERROR, "answered 400: because of 400"),
    "birch": (status(401), Reason.ERROR, "answered 401 (put the server's key into $BPO_FAULT_KEY)"),
    "cedar": (status(403, b"<h1>no</h1>", Content_Type="text/html"), Reason.ERROR, "answered 403"),
    "daisy": (status(404), Reason.ERROR, "base_url usually ends in /v1"),
    "elder": (status(429), Reason.ERROR, "answered 429"),
    "fennel": (status(429, Retry_After="0.05"), Reason.ERROR, "answered 429"),
    "garlic": (status(429, Retry_After=later(-3600)), Reason.ERROR, "answered 429"),
    "hazel": (status(429, Retry_After="soon"), Reason.ERROR, "answered 429"),
    "iris": (status(500), Reason.ERROR, "answered 500"),
    "jasmine": (status(503, b""), Reason.ERROR, "answered 503"),
    "kale": (status(302, Location="http://127.0.0.1:9/v1"), Reason.ERROR, "redirects are not followed"),
    "laurel": (status(307, Location="/elsewhere"), Reason.ERROR, "redirects are not followed"),
    "maple": (status(308), Reason.ERROR, "redirects are not followed"),
    "nettle": (hang_up, Reason.ERROR, "could not reach"),
    "olive": (closed_half_way, Reason.ERROR, "could not reach"),
    "poppy": (half_a_json, Reason.ERROR, "holds no completion"),
    "quince": (status(200, b"\xff\xfe\x00"), Reason.ERROR, "holds no completion"),
    "rose": (status(200, b"<h1>Welcome</h1>", Content_Type="text/html"), Reason.ERROR, "<h1>Welcome</h1>"),
    "sage": (status(200, b"no zip", Content_Encoding="gzip"), Reason.ERROR, "127.0.0.1"),
    "thyme": (status(200, {"choices": []}), Reason.ERROR, "holds no completion"),
    "ulmus": (status(200, completion(["a", "b"])), Reason.ERROR, "holds no completion"),
    "violet": (status(200, completion("half", finish_reason="content_filter")), Reason.ERROR, "broke off"),
    "willow": (status(200, completion("")), Reason.REJECTED, "within_length"),
    "xenia": (status(200, completion("Sure! It is a plant.")), Reason.REJECTED, "no_answer"),
    "yucca": (status(200, completion("tell me", finish_reason="length")), Reason.REJECTED, "finished"),
    "zinnia": (endless, Reason.ERROR, "the reply is longer than 8,000,000 bytes"),
}
"""What a prompt with this word meets, and what its result says."""
MENDED: dict[str, Trouble] = {
    "clover": at_first(status(429, Retry_After="0.01")),
    "dill": at_first(status(500, Retry_After="0.01")),
    "fern": at_first(status(408, Retry_After="0.01")),
    "ginger": at_first(hang_up),
    "heather": lambda handler, _: handler.reply(
        200, gzip.compress(json.dumps(completion(rewritten(handler.instruction))).encode()), Content_Encoding="gzip"
    ),
    "ivy": lambda handler, _: handler.reply(200, completion(rewritten(handler.instruction)), Content_Type="text/plain"),
}
"""What passes, with a second attempt or as it is."""


@pytest.fixture
def connect(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """An optimizer whose model is behind a server with these troubles."""
    monkeypatch.setenv("BPO_FAULT_KEY", "sk-fault")
    servers: list[Server] = []

    def start(troubles: dict[str, Trouble], *, retries: int = 0, timeout_s: float = LONG) -> Any:
        servers.append(Server(troubles))
        settings = OpenAICompatible(
            base_url=servers[-1].url,
            model="bpo",
            api_key_variable="BPO_FAULT_KEY",
            retries=retries,
            timeout_s=timeout_s,
        )
        return faulty(settings)

    yield start
    for server in servers:
        server.stop()


def test_every_trouble_of_a_batch_stays_with_its_own_prompt(connect: Callable[..., Any]) -> None:
    optimizer = connect({word: trouble for word, (trouble, _, _) in TROUBLES.items()})
    troubled = {f"  tell me about the {word} tree\r\n": word for word in TROUBLES}
    prompts: list[Prompt] = []
    for number, text in enumerate(troubled):
        prompts += [text, f"tell me about the number {number}"]
    results = optimizer.optimize_batch(prompts)
    optimizer.engine.close()
    wrong = []
    for result in results[::2]:
        _, reason, detail = TROUBLES[troubled[result.original]]
        assert_untouched([result.original], [result], reason)
        wrong += [] if detail in result.detail else [(troubled[result.original], result.detail)]
    assert wrong == []
    assert [result.text for result in results[1::2]] == [rewritten(str(prompt)) for prompt in prompts[1::2]]
    assert not any("sk-fault" in result.detail for result in results)


@pytest.mark.parametrize("trouble", [hang, trickling])
def test_a_server_that_takes_for_ever_is_given_up(trouble: Trouble, connect: Callable[..., Any]) -> None:
    optimizer = connect({"alder": trouble}, timeout_s=0.4)
    with Stopwatch():
        result = optimizer.optimize("tell me about the alder tree")
    optimizer.engine.close()
    assert_untouched([result.original], [result], Reason.ERROR)
    assert "did not answer within timeout_s=0.4" in result.detail


def test_what_a_second_attempt_mends_is_rewritten(connect: Callable[..., Any]) -> None:
    optimizer = connect(MENDED, retries=1)
    prompts = [f"tell me about the {word} plant" for word in MENDED]
    results = optimizer.optimize_batch(prompts)
    optimizer.engine.close()
    assert [(result.text, result.detail) for result in results] == [(rewritten(prompt), "") for prompt in prompts]


@pytest.mark.parametrize("trouble", [hang, trickling, status(429, Retry_After="60"), status(503, Retry_After="60")])
def test_a_deadline_ends_every_wait(trouble: Trouble, connect: Callable[..., Any]) -> None:
    optimizer = connect({"alder": trouble}, retries=5)
    prompts: list[Prompt] = ["tell me about the alder tree", "tell me about tea"]
    with Stopwatch():
        slow, quick = optimizer.optimize_batch(prompts, deadline_ms=2 * DEADLINE_MS)
    assert_untouched(prompts[:1], [slow], Reason.DEADLINE)
    assert quick.text == rewritten("tell me about tea")
    optimizer.engine.close()


def test_a_clock_that_was_set_back_does_not_stretch_the_wait_for_a_date(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = connect({"alder": status(429, Retry_After=later(0.2))}, retries=1)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    with Stopwatch():
        result = optimizer.optimize("tell me about the alder tree")
    optimizer.engine.close()
    assert_untouched([result.original], [result], Reason.ERROR)
    assert "answered 429" in result.detail


def test_no_file_of_a_connection_is_left_open(connect: Callable[..., Any]) -> None:
    optimizer = connect({"nettle": hang_up, "olive": closed_half_way, "zinnia": endless})
    prompts = [f"tell me about the {word} tree" for word in ("nettle", "olive", "zinnia", "elm")]
    optimizer.optimize_batch(prompts)
    optimizer.engine.close()
    files = len(os.listdir("/dev/fd"))
    for _ in range(5):
        optimizer.optimize_batch(prompts)
        optimizer.engine.close()
    end = time.monotonic() + LONG
    while len(os.listdir("/dev/fd")) > files and time.monotonic() < end:
        time.sleep(0.01)  # the server closes its ends in threads of its own
    assert len(os.listdir("/dev/fd")) <= files
