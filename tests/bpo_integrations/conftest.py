"""Real servers on loopback, for all adapters: an LLM, and one that writes down what it is sent."""

import gc
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bpo_model.checkpoint import load_checkpoint
from bpo_model.testing import FakeOptimizer

STOCK = '{"number": 7}'  # every answer, so that it parses as text and as JSON


class WireServer:
    """Answers chat completions and responses, whole or as server-sent events."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[Any] = set()
        self.failures: list[int] = []
        """Status codes that the next requests get."""
        self.plain = False
        """Whether the answers are no JSON."""
        self.http = _Http(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.url = f"{self.address}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def prompts(self) -> list[Any]:
        """The text that each request ends in: its content, or that of its last text part."""
        return [_last_text(body) for body in self.bodies]


class _Http(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def _handler(server: WireServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with server.lock:
                server.bodies.append(body)
                server.paths.append(self.path)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                server.connections.add(self.client_address)
                status = server.failures.pop(0) if server.failures else 200
            if status != 200:
                return self.reply(status, "application/json", json.dumps({"error": {"message": "no"}}))
            if server.plain:
                return self.reply(200, "text/plain", "hello")
            if body.get("stream"):
                events = _response_events(body) if "input" in body else _chat_events(body)
                return self.reply(200, "text/event-stream", events)
            answer = _response(body) if "input" in body else _chat(body)
            return self.reply(200, "application/json", json.dumps(answer))

        def reply(self, status: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler


def _last_text(body: dict[str, Any]) -> Any:
    turns = body.get("messages", body.get("input"))
    content = turns if isinstance(turns, str) or not turns else turns[-1].get("content")
    if isinstance(content, list):
        return next((part["text"] for part in reversed(content) if "text" in part), None)
    return content


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": STOCK}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {
        "id": str(_last_text(body)), "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [choice],
    }  # fmt: skip


def _chat_events(body: dict[str, Any]) -> str:
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    deltas = [{"role": "assistant", "content": ""}, {"content": STOCK[:4]}, {"content": STOCK[4:]}]
    chunks: list[dict[str, Any]] = [
        {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _response(body: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": STOCK, "annotations": []}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": str(_last_text(body)), "object": "response", "created_at": 1, "model": body["model"], "output": [item],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "status": "completed",
    }  # fmt: skip


def _response_events(body: dict[str, Any]) -> str:
    whole = _response(body)
    (item,) = whole["output"]
    (part,) = item["content"]
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": STOCK, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": STOCK, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    lines = (json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events))
    return "".join(f"event: {event['type']}\ndata: {line}\n\n" for event, line in zip(events, lines, strict=True))


@pytest.fixture
def fake() -> FakeOptimizer:
    return FakeOptimizer()


@pytest.fixture
def slow() -> FakeOptimizer:
    """Takes 0.2 s a prompt."""

    def rewrite(text: str) -> str:
        time.sleep(0.2)
        return f"{text} Please explain your answer."

    return FakeOptimizer(rewrite)


@pytest.fixture
def server() -> Iterator[WireServer]:
    """A fresh server for every test."""
    yield from _serving()


@pytest.fixture(scope="module")
def module_server() -> Iterator[WireServer]:
    """One server for all tests of a file, for what is expensive to put in front of it."""
    yield from _serving()


def _serving() -> Iterator[WireServer]:
    """A server until it is no longer needed."""
    wire = WireServer()
    yield wire
    wire.http.shutdown()
    wire.http.server_close()


@pytest.fixture(scope="session")
def chat_url() -> Iterator[str]:
    """llama.cpp's server with the base model of the embedded default, as the LLM that answers."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(load_checkpoint().find_files()[0])
    parameters.n_parallel, parameters.n_ctx = 2, 4096
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cache_ram_mib, parameters.warmup, parameters.verbosity = 0, False, -1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server
    gc.collect()
