"""The real server of `bpo ui` on a free port, and a client that speaks as its page does."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.config import Options
from bpo_model.engines.base import CANCELLED, Generated, Request, never
from bpo_model.testing import FakeOptimizer
from bpo_model.ui.app import Ui
from bpo_model.ui.server import address, listen, make_server


@contextmanager
def serving(ui: Ui, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a running server."""
    with listen(host, 0) as bound:
        server = make_server(ui, host, bound)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield address(host, bound)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


class Patient:
    """An engine that works until it is told to stop."""

    name = "patient"

    def __init__(self) -> None:
        self.started, self.stopped = threading.Event(), threading.Event()

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        self.started.set()
        while not cancelled():
            time.sleep(0.01)
        self.stopped.set()
        return [CANCELLED] * len(requests)


class Page:
    """Speaks to the server as its own page does."""

    def __init__(self, url: str) -> None:
        self.url, self.client = url.rstrip("/"), httpx.Client(base_url=url, headers={"origin": url.rstrip("/")})

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(f"/api/{path}", json=body)

    def wait_for_batch(self) -> Any:
        while (batch := self.client.get("/api/batch").json())["state"] == "running":
            time.sleep(0.02)
        return batch


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Ui(FakeOptimizer(options=Options()))) as address:
        yield address


@pytest.fixture
def page(url: str) -> Iterator[Page]:
    page = Page(url)
    with page.client:
        yield page


@pytest.fixture
def patient() -> Iterator[tuple[Page, Patient]]:
    engine = Patient()
    with serving(Ui(PromptOptimizer(engine, load_checkpoint(), Options(rewrite="always")))) as address:
        page = Page(address)
        with page.client:
            yield page, engine
