"""The application: one page, and the few requests that it makes of its server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from bpo_model import __version__
from bpo_model.config import MODES, Overrides
from bpo_model.errors import BPOError
from bpo_model.feedback import Action, Outcome, record
from bpo_model.optimizer import PromptOptimizer
from bpo_model.ui.answers import Llm
from bpo_model.ui.batch import Batch
from bpo_model.ui.files import to_jsonl
from bpo_model.ui.session import Session
from bpo_model.ui.view import segments, view

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""By our own table: on some systems the registry calls JavaScript plain text, and browsers then refuse it."""
AGAIN: dict[str, Overrides] = {
    "": {},
    "always": {"rewrite": "always"},
    "aggressive": {"rewrite": "always", "mode": MODES["aggressive"]},
}
T = TypeVar("T")


class _Refused(Exception):
    """The request cannot be served; the text says why."""


@dataclass(slots=True)
class Ui:
    """The handlers and what they share."""

    optimizer: PromptOptimizer
    feedback: Path | None = None
    llm: Llm | None = None
    session: Session = field(default_factory=Session)
    batch: Batch | None = None
    _task: asyncio.Task[None] | None = None

    def app(self) -> Starlette:
        """The ASGI application; put a `Guard` around it."""
        posts: dict[str, Callable[[Request, dict[str, Any]], Awaitable[Response]]] = {
            "rewrite": self.rewrite, "verdict": self.verdict, "answer": self.answer,
            "batch": self.start_batch, "batch/cancel": self.cancel_batch,
        }  # fmt: skip
        return Starlette(
            routes=[
                Route("/", _static("index.html")),
                *(Route(f"/static/{file.name}", _static(file.name)) for file in sorted(STATIC.iterdir())),
                Route("/api/about", self.about),
                Route("/api/batch", self.show_batch, methods=["GET"]),
                Route("/api/batch/{key}/records.jsonl", self.download),
                *(Route(f"/api/{name}", _posted(handler), methods=["POST"]) for name, handler in posts.items()),
            ]
        )

    async def about(self, request: Request) -> Response:
        """What runs here, and where texts go."""
        llm = {"model": self.llm.model, "host": self.llm.host} if self.llm else None
        stored = str(self.feedback) if self.feedback else None
        checkpoint = self.optimizer.checkpoint
        return _json({"version": __version__, "model": checkpoint.name, "llm": llm, "feedback": stored})

    async def rewrite(self, request: Request, body: dict[str, Any]) -> Response:
        """One prompt; a page that gives up waiting stops the model."""
        again = AGAIN.get(_text(body, "again"))
        if again is None:
            raise _Refused("`again` must be empty, always or aggressive")
        prompt = _text(body, "prompt")
        result = await _unless_gone(request, self.optimizer.aoptimize(prompt, **again))
        return _json(view(self.session.keep(result), result)) if result else Response(status_code=499)

    async def verdict(self, request: Request, body: dict[str, Any]) -> Response:
        """What the user keeps; stored only with --feedback."""
        result = self.session.results.get(_text(body, "id"))
        if result is None:
            raise _Refused("this rewrite is no longer in memory; rewrite the prompt again")
        verdict = cast(Action, _text(body, "verdict"))
        edited = _text(body, "edited") if verdict == "edited" else None
        kept = edited if edited is not None else result.text if verdict == "accepted" else result.original
        outcome = "off"
        if self.feedback:
            identity = self.optimizer.checkpoint.identity
            try:
                outcome = await asyncio.to_thread(
                    record, result, verdict, file=self.feedback, edited=edited, identity=identity
                )
            except (BPOError, OSError) as error:  # the user's decision stands, whatever the disk does
                return _json({"kept": kept, "segments": segments(result.original, kept), "stored": str(error)})
        stored = {"off": "", Outcome.STORED: "stored", Outcome.SECRET: "secret"}.get(outcome, "")
        return _json({"kept": kept, "segments": segments(result.original, kept), "stored": stored})

    async def answer(self, request: Request, body: dict[str, Any]) -> Response:
        """The LLM's answer to one text, as JSON lines."""
        if self.llm is None:
            raise _Refused("no LLM is set up; start bpo ui with --llm-url and --llm-model")
        return StreamingResponse(_lines(self.llm.answer(_text(body, "prompt"))), media_type="application/x-ndjson")

    async def start_batch(self, request: Request, body: dict[str, Any]) -> Response:
        """Take a file and begin; one at a time."""
        if self.batch and self.batch.state == "running":
            raise _Refused("a file is being rewritten already")
        name = _text(body, "name")
        lines = await asyncio.to_thread(to_jsonl, name, _text(body, "text"))
        self.batch = Batch(name, lines.count(b"\n"))
        self._task = asyncio.create_task(self.batch.run(lines, self.optimizer))
        return _json(self.batch.view())

    async def show_batch(self, request: Request) -> Response:
        """How far it is."""
        return _json(self.batch.view() if self.batch else None)

    async def cancel_batch(self, request: Request, body: dict[str, Any]) -> Response:
        """Stop it and wait until the model has stopped."""
        if self.batch and self._task:
            self.batch.cancel()
            await asyncio.wait([self._task])
        return await self.show_batch(request)

    async def download(self, request: Request) -> Response:
        """The records of a finished file."""
        if self.batch is None or self.batch.key != request.path_params["key"] or self.batch.state != "done":
            return _json({"error": "there is no such file"}, 404)
        name = {"content-disposition": 'attachment; filename="rewrites.jsonl"'}
        return Response(self.batch.records, media_type="application/x-ndjson", headers=name)


def _static(name: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """A file of the page."""

    async def serve(request: Request) -> Response:
        return FileResponse(STATIC / name, media_type=TYPES[Path(name).suffix])

    return serve


def _posted(handler: Callable[[Request, dict[str, Any]], Awaitable[Response]]) -> Callable[[Request], Any]:
    """Reads the JSON object of a request; what cannot be served is a sentence for the page."""

    async def serve(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            if not isinstance(body, dict):
                raise _Refused("expected a JSON object")
            return await handler(request, body)
        except (ValueError, RecursionError, _Refused) as error:  # PromptError is a ValueError
            return _json({"error": str(error)}, 400)

    return serve


def _text(body: dict[str, Any], name: str) -> str:
    """A field that has to be text; absent counts as empty."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise _Refused(f"`{name}` must be text")
    return value


def _json(data: Any, status: int = 200) -> Response:
    """In ASCII: half characters, which a prompt may hold, have no UTF-8."""
    return Response(json.dumps(data).encode("ascii"), status, media_type="application/json")


async def _lines(items: AsyncIterator[dict[str, str]]) -> AsyncIterator[bytes]:
    async for item in items:
        yield json.dumps(item).encode("ascii") + b"\n"


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The result, or None if the browser hung up first; the work is then cancelled."""
    task, gone = asyncio.create_task(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        gone.cancel()
        task.cancel()
