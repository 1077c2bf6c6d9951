"""A target and a judge on loopback that are functions of what they are sent, and count; runs against them."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bpo_model.compare.endpoint import ModelSpec
from bpo_model.prove.command import prove
from bpo_model.prove.prompts import read_prompts
from bpo_model.prove.run import Setup
from bpo_model.testing import FakeOptimizer

Answer = Callable[[str], str]


def shown(text: str) -> tuple[str, str]:
    """The two answers as the judge sees them."""
    first, second = text.split("<<<ANSWER ")[1:]
    return first.split(">>>\n", 1)[1].split("\n<<<END")[0], second.split(">>>\n", 1)[1].split("\n<<<END")[0]


def prefers(mark: str) -> Answer:
    """A judge that prefers the answer with a mark in it; a tie if both have it, or none."""

    def judge(text: str) -> str:
        first, second = (mark in answer for answer in shown(text))
        return "Because.\n[[A]]" if first > second else "Because.\n[[B]]" if second > first else "Because.\n[[C]]"

    return judge


def echo(text: str) -> str:
    """A target whose answer holds the question."""
    return f"About: {text}"


class Endpoint:
    """Both models behind one server; `target` and `judge` may be changed at any time."""

    def __init__(self, target: Answer = echo, judge: Answer | None = None, seconds: float = 0.0) -> None:
        self.target, self.judge, self.seconds = target, judge or prefers("Please"), seconds
        self.status = 200
        self.sent: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answered = 0
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def asked(self, model: str) -> list[str]:
        """The newest messages that a model was sent."""
        return [body["messages"][-1]["content"] for body in self.sent if body["model"] == model]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with endpoint.lock:
                endpoint.sent.append(body)
                endpoint.keys.append(self.headers["Authorization"])
            time.sleep(endpoint.seconds)
            text = body["messages"][-1]["content"]
            reply = _completion((endpoint.judge if body["model"] == "judge" else endpoint.target)(text), text)
            data = json.dumps(reply if endpoint.status == 200 else {"error": {"message": "no"}}).encode()
            try:
                self.send_response(endpoint.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                with endpoint.lock:
                    endpoint.answered += 1
            except OSError:
                self.close_connection = True  # the client was killed

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler


def _completion(text: str, asked: str) -> dict[str, Any]:
    usage = {"prompt_tokens": len(asked.split()), "completion_tokens": len(text.split()), "total_tokens": 0}
    message = {"role": "assistant", "content": text}
    return {
        "id": "x", "object": "chat.completion", "created": 1, "model": "served", "usage": usage,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }  # fmt: skip


def rewrite_two_of_three(text: str) -> str:
    """What the optimizer does here: prompts whose number is a multiple of 3 stay."""
    return text if int(text.rstrip("?").split()[-1]) % 3 == 0 else f"{text} Please explain your answer."


def setup(endpoint: Endpoint, folder: Path, n: int = 30, **changes: Any) -> Setup:
    file = folder / "prompts.txt"
    file.write_text("".join(f"what is special about topic {number}?\n" for number in range(n)), encoding="utf-8")
    target, judge = (
        ModelSpec(endpoint.url, name, None, 1.0, 2.0, 4, {"temperature": 0}) for name in ("target", "judge")
    )
    made = Setup(read_prompts(file).cases, FakeOptimizer(rewrite_two_of_three), "fake", target, judge, folder / "run")
    return replace(made, **changes)


def code(made: Setup, *, dry_run: bool = False) -> int:
    return prove(made, worth=5, yes=True, dry_run=dry_run)


def result(made: Setup) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.out / "result.json").read_text(encoding="utf-8"))
    return found
