"""A real HTTP server that fails in the way that a word of the prompt asks for."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bpo_model.checkpoint import load_checkpoint
from tests.faults.harness import LONG, rewritten

Trouble = Callable[["Handler", int], None]
"""(connection, attempt for this prompt, from 1) -> what is sent instead of an answer."""


class Handler(BaseHTTPRequestHandler):
    """One connection; sends what the prompt's trouble is, or a good rewrite."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    instruction = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.instruction = body["prompt"].removeprefix(self.server.before).removesuffix(self.server.after)
        trouble = next((trouble for word, trouble in self.server.troubles.items() if word in self.instruction), None)
        try:
            if trouble:
                trouble(self, self.server.count(self.instruction))
            else:
                self.answer()
        except OSError:
            self.close_connection = True  # the client went away

    def answer(self) -> None:
        """A good rewrite."""
        self.reply(200, {"choices": [{"text": rewritten(self.instruction), "finish_reason": "stop"}]})

    def reply(self, status: int, content: Any, **headers: str) -> None:
        """An answer; one that promises more bytes than come ends there."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content_Type": "application/json", "Content_Length": str(len(data))} | headers
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = headers["Content_Length"] != str(len(data))

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Knows the troubles, and how often a prompt was tried."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, troubles: dict[str, Trouble]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.troubles, self.over, self.lock = troubles, threading.Event(), threading.Lock()
        self.attempts: dict[str, int] = {}
        self.before, _, self.after = load_checkpoint().template.text.partition("{prompt}")
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def count(self, instruction: str) -> int:
        """Which attempt this is."""
        with self.lock:
            self.attempts[instruction] = self.attempts.get(instruction, 0) + 1
            return self.attempts[instruction]

    def stop(self) -> None:
        """Let go of whatever hangs, and close."""
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what these tests are about."""


def status(code: int, content: Any = None, **headers: str) -> Trouble:
    """An answer with this status, whenever it is asked."""
    return lambda handler, _: handler.reply(code, content or {"error": {"message": f"because of {code}"}}, **headers)


def at_first(trouble: Trouble) -> Trouble:
    """Trouble with the first attempt only."""
    return lambda handler, attempt: trouble(handler, attempt) if attempt == 1 else handler.answer()


def hang(handler: Handler, _: int) -> None:
    """Say nothing at all."""
    handler.server.over.wait(LONG)
    handler.close_connection = True


def hang_up(handler: Handler, _: int) -> None:
    """Close without a word."""
    handler.close_connection = True


def endless(handler: Handler, _: int) -> None:
    """Send as fast as the client reads, without end."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    piece = b"x" * 65_536
    while not handler.server.over.is_set():
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


def trickling(handler: Handler, _: int) -> None:
    """Send a blank now and then, so that no single read takes too long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")
