"""Answers of the user's LLM in `bpo ui`: real HTTP on both sides, failures as text, the key nowhere."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("openai")

from bpo_model.testing import FakeOptimizer
from tests.bpo_model.ui_server import Page, serving

from bpo_model.ui.answers import Llm  # isort: skip  # the helper skips where the extra is missing
from bpo_model.ui.app import Ui  # isort: skip

KEY = "sk-never-show-this-0815"


class Target(BaseHTTPRequestHandler):
    """A small LLM server; the prompt says how it behaves."""

    seen: list[tuple[str, Any]]

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][0]["content"]
        type(self).seen.append((self.headers["authorization"], body))
        if prompt == "refuse":
            self._send(401, "application/json", {"error": {"message": f"bad key {KEY}\n<b>no</b>"}})
        elif prompt == "move":
            self.send_response(307)
            self.send_header("location", "http://127.0.0.1:9/v1/chat/completions")
            self.send_header("content-length", "0")
            self.end_headers()
        elif prompt == "whole":
            self._send(200, "application/json", {"choices": [{"message": {"content": "In one piece."}}]})
        elif prompt == "nonsense":
            self._send(200, "application/json", {"answer": "?"})
        else:
            self._stream(["Hello ", "<b>", prompt, " \ud83c\udf3f".encode("utf-16", "surrogatepass").decode("utf-16")])

    def _send(self, status: int, kind: str, data: Any) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, pieces: list[str]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for piece in pieces:
            delta = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m",
                     "choices": [{"index": 0, "delta": {"content": piece}}]}  # fmt: skip
            self.wfile.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    Target.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(target: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(Ui(FakeOptimizer(), llm=Llm(target, "my-model", "MY_KEY"))) as url:
        page = Page(url)
        with page.client:
            yield page


def pieces(page: Page, prompt: str) -> list[dict[str, str]]:
    reply = page.post("answer", prompt=prompt)
    assert KEY not in reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_an_answer_comes_piece_by_piece_with_the_key_of_the_environment(page: Page) -> None:
    assert pieces(page, "tea") == [{"text": "Hello "}, {"text": "<b>"}, {"text": "tea"}, {"text": " \U0001f33f"}]
    authorization, body = Target.seen[-1]
    assert authorization == f"Bearer {KEY}"
    assert (body["model"], body["messages"]) == ("my-model", [{"role": "user", "content": "tea"}])


def test_a_server_that_does_not_stream_is_understood(page: Page) -> None:
    assert pieces(page, "whole") == [{"text": "In one piece."}]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("refuse", "answered 401 (is the key in $MY_KEY?): bad key *** <b>no</b>"), ("nonsense", "holds no answer"),
     ("move", "answered 307")],
)  # fmt: skip
def test_a_failure_is_text_without_the_key(page: Page, prompt: str, said: str) -> None:
    (piece,) = pieces(page, prompt)
    assert said in piece["error"]


def test_a_server_that_is_not_there_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Ui(FakeOptimizer(), llm=Llm("http://127.0.0.1:9/v1", "m"))) as url:
        page = Page(url)
        (piece,) = pieces(page, "tea")
        page.client.close()
    assert "127.0.0.1:9 could not be reached" in piece["error"]


def test_the_page_learns_where_prompts_would_go_and_no_key_or_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(Ui(FakeOptimizer(), llm=Llm("https://me:pass@llm.example:8000/v1", "m", "MY_KEY"))) as url:
        page = Page(url)
        about = page.client.get("/api/about")
        page.client.close()
    assert about.json()["llm"] == {"model": "m", "host": "llm.example:8000"}
    assert "pass" not in about.text
    assert KEY not in about.text


def test_without_an_llm_nothing_is_asked() -> None:
    with serving(Ui(FakeOptimizer())) as url:
        page = Page(url)
        reply = page.post("answer", prompt="tea")
        page.client.close()
    assert (reply.status_code, "--llm-url" in reply.json()["error"]) == (400, True)


@pytest.mark.parametrize(("url", "model"), [("localhost:8000", "m"), ("file:///etc/passwd", "m"), ("http://x/v1", "")])
def test_settings_that_cannot_work_are_named(url: str, model: str) -> None:
    with pytest.raises(ValueError, match="--llm-"):
        Llm(url, model)
