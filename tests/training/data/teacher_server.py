"""A teacher on loopback: a real server that counts what it is asked, and fails where it is told to."""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from training.data.types import Preference

ADDED = "Explain every step, and name the tools that are needed."
_INSTRUCTION = re.compile(r"<<<INSTRUCTION \w+>>>\n(.*?)\n<<<END \w+>>>", re.DOTALL)


@dataclass
class Canned:
    """What the server does instead of answering."""

    status: int = 200
    body: Any = None
    """JSON, or text that is sent as it is; None: the usual answer."""
    times: int = 1_000_000
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class TeacherServer:
    """Counts requests, and by the instruction that they are about."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = 0
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.canned: dict[str, Canned] = {}
        self.every: Canned | None = None
        """For all instructions."""
        self.delay_s = 0.0
        self.numbered = False
        """Whether no two answers are the same."""
        self.http = _Http(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def take(self, body: dict[str, Any], key: str) -> Canned:
        """Count a request and say what is to be done about it."""
        instruction = instruction_of(body)
        with self.lock:
            self.requests += 1
            self.asked[instruction] += 1
            self.bodies.append(body)
            self.keys.append(key)
            number = self.requests
            canned = self.every or self.canned.get(instruction)
            if canned is None or self.asked[instruction] > canned.times:
                canned = Canned(delay_s=self.delay_s)
        if canned.body is None and canned.status == 200:
            return Canned(body=completion(body, number if self.numbered else 0), delay_s=canned.delay_s)
        return canned


def instruction_of(body: dict[str, Any]) -> str:
    """The user's instruction in a request."""
    found = _INSTRUCTION.search(body["messages"][-1]["content"])
    assert found is not None
    return str(found[1])


def completion(body: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """The usual answer: the instruction with one sentence more."""
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:8]
    texts = {"critique": f"It says more. {digest} {number}", "optimized_instruction": f"{instruction_of(body)} {ADDED}"}
    return saying(json.dumps(texts), model=body["model"], prompt_tokens=len(json.dumps(body["messages"])) // 4)


def saying(
    content: Any, *, finish_reason: str = "stop", model: str = "m", prompt_tokens: int = 100, **message: Any
) -> dict[str, Any]:
    """A chat completion with some content."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish_reason, "message": said}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": f"{model}-served",
        "choices": [choice],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 40, "total_tokens": prompt_tokens + 40},
    }  # fmt: skip


def preferences(count: int, context: str = "") -> list[Preference]:
    """Rows whose usual rewrites pass every filter."""
    return [
        Preference(
            f"own/{number}", "own", str(number), f"How do I repair bicycle {number}?", context,
            "First turn it over. Then look at the chain.", "No idea.", "en", "MIT",
        )
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def serving() -> Iterator[TeacherServer]:
    """A server for a while."""
    server = TeacherServer()
    try:
        yield server
    finally:
        server.close()


class _Http(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or lost patience is part of the tests."""


def _handler(server: TeacherServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            canned = server.take(body, self.headers.get("Authorization", ""))
            time.sleep(canned.delay_s)
            text = canned.body if isinstance(canned.body, str) else json.dumps(canned.body)
            self.send_response(canned.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            for name, value in canned.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler
