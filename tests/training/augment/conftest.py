"""An LLM on loopback, and instructions of our own that the embedded optimizer treats in different ways."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.data.teacher_server import Canned, TeacherServer, saying

ROWS: list[dict[str, Any]] = [
    {"id": "a", "instruction": "how do bees make honey", "input": "", "output": "From nectar."},
    {"id": "b", "instruction": "explain chess to a child", "input": "<noinput>", "output": "Two armies play."},
    {"id": "c", "instruction": "Name the largest bird.", "input": "", "output": "The ostrich."},
    {"id": "d", "instruction": "What is 17 * 23?", "input": "", "output": "391"},
]
"""The optimizer rewrites the first two; the third it keeps, the fourth does not reach it."""


class AnswerServer(TeacherServer):
    """Answers what stands in the last turn, and counts by it."""

    def take(self, body: dict[str, Any], key: str) -> Canned:
        prompt = str(body["messages"][-1]["content"])
        with self.lock:
            self.requests += 1
            self.asked[prompt] += 1
            self.bodies.append(body)
            number = self.requests if self.numbered else ""
        usual = Canned(body=saying(f"About {prompt!r} {number}", model=body["model"]), delay_s=self.delay_s)
        return self.every or self.canned.get(prompt) or usual


@pytest.fixture
def llm() -> Iterator[AnswerServer]:
    """A fresh LLM for every test."""
    server = AnswerServer()
    yield server
    server.close()


@pytest.fixture
def settings(llm: AnswerServer, tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of settings for some rows, with further lines at its top and of its [llm]."""

    def write(rows: list[dict[str, Any]] = ROWS, top: str = "", more: str = "retries = 0") -> Path:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        file = tmp_path / "augment.toml"
        file.write_text(
            f'data = "rows.jsonl"\nlicence = "MIT"\n{top}\n'
            f'[llm]\nbase_url = "{llm.url}"\nmodel = "m"\nprice_in = 1.0\nprice_out = 2.0\n{more}\n',
            encoding="utf-8",
        )
        return file

    return write
