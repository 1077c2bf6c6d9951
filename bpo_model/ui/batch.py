"""A file of prompts on its way: progress, cancelling, and the records to download."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bpo_model.batch_file import FileCounts, rewrite_file
from bpo_model.errors import BPOError
from bpo_model.optimizer import PromptOptimizer
from bpo_model.schema import OptimizedPrompt, Prompt, Reason
from bpo_model.ui.view import segments
from bpo_model.ui.words import WHY

STEP = 4
"""Prompts that go to the model together: every step moves the progress bar."""
SHOWN = 100
"""Records that the page lists; the download has all."""


class _Cancelled(Exception):
    """The user gave up."""


@dataclass(slots=True)
class Batch:
    """One uploaded file; runs in the server's event loop, its file work in a thread."""

    name: str
    total: int
    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: Literal["running", "done", "cancelled", "failed"] = "running"
    done: int = 0
    error: str = ""
    counts: FileCounts = field(default_factory=FileCounts)
    records: bytes = b""
    """JSON lines, as `bpo optimize --file` writes them."""
    _stopping: bool = False
    _current: asyncio.Task[list[OptimizedPrompt]] | None = None

    async def run(self, lines: bytes, optimizer: PromptOptimizer) -> None:
        """Rewrite all lines; how it ended is in `state`.

        The reader wants files: they lie in a private temporary folder while this runs, and nowhere after.
        """
        loop = asyncio.get_running_loop()

        def optimize(prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
            results: list[OptimizedPrompt] = []
            for start in range(0, len(prompts), STEP):
                step = self._step(optimizer, prompts[start : start + STEP])
                results += asyncio.run_coroutine_threadsafe(step, loop).result()
                self.done += len(prompts[start : start + STEP])
            return results

        try:
            await asyncio.to_thread(self._rewrite, lines, optimize)
            self.state = "done"
        except _Cancelled:
            self.state = "cancelled"
        except (BPOError, OSError) as error:
            self.state, self.error = "failed", str(error)

    def cancel(self) -> None:
        """Stop the model now; what it has done of this file is dropped."""
        self._stopping = True
        if self._current:
            self._current.cancel()

    def view(self) -> dict[str, Any]:
        """What the page shows of it."""
        shown = [_row(json.loads(line)) for line in self.records.splitlines()[:SHOWN]]
        counts = {"changed": self.counts.changed, "failed": self.counts.failed}
        return {
            "id": self.key, "name": self.name, "state": self.state, "done": self.done, "total": self.total,
            "error": self.error, "rows": shown, **counts,
        }  # fmt: skip

    async def _step(self, optimizer: PromptOptimizer, prompts: Sequence[Prompt]) -> list[OptimizedPrompt]:
        """A few prompts, unless the user has given up."""
        if self._stopping:
            raise _Cancelled
        self._current = asyncio.ensure_future(optimizer.aoptimize_batch(prompts))
        try:
            return await self._current
        except asyncio.CancelledError:
            raise _Cancelled from None

    def _rewrite(self, lines: bytes, optimize: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="bpo-ui-") as folder:
            source, out = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
            source.write_bytes(lines)
            self.counts = rewrite_file(source, out, optimize, self._progress)
            self.records = out.read_bytes()

    def _progress(self, done: int) -> None:
        """Lines that are no prompts are done too."""
        self.done = done


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """One line of the page's list; a record without a text is a line that could not be read."""
    if "text" not in record:
        return {"line": record["line"], "state": "failed", "why": record["error"], "segments": []}
    state = "failed" if "error" in record else "changed" if record["changed"] else "unchanged"
    shown = segments(record["original"], record["text"])
    return {"line": record["line"], "state": state, "why": WHY[Reason(record["reason"])], "segments": shown}
