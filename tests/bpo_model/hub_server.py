"""A Hugging Face hub on loopback that has one file, for the real client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Hub(ThreadingHTTPServer):
    """Answers for any repository; remembers what was asked."""

    daemon_threads = True

    def __init__(self, file: Path | None, missing: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.file, self.missing, self.asked = file, missing, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """HEAD and GET of a file, as the hub's own API answers them."""

    server: Hub

    def do_HEAD(self) -> None:
        self.answer(send=False)

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, *, send: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        file = self.server.file
        if file and self.path.startswith("/api/models/"):
            self.describe(file)
            return
        self.send_response(200 if self.path == "/" or file else self.server.missing)
        if file is None or self.path == "/":
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            return
        for name, value in (("ETag", '"0123"'), ("X-Repo-Commit", "a" * 40)):
            self.send_header(name, value)
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        if send:
            self.wfile.write(file.read_bytes())

    def describe(self, file: Path) -> None:
        """What is in the repository: the file, and something that nobody wants."""
        files = [
            {"type": "file", "path": name, "oid": "0123", "size": file.stat().st_size} for name in (file.name, "x.bin")
        ]
        described = {
            "id": "someone/weights",
            "sha": "a" * 40,
            "siblings": [{"rfilename": name["path"]} for name in files],
        }
        data = json.dumps(files if "/tree/" in self.path else described).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def hub(file: Path | None, missing: int = 404) -> Iterator[Hub]:
    """The server, with this file in every repository, or with no repository at all, which it says by that status."""
    with Hub(file, missing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
