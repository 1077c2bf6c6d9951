"""The Batch API instead of single requests: half the price, within a day; `vllm run-batch` reads the same files."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model.files import write_bytes
from training.data.teaching.config import TeacherConfig
from training.data.teaching.ledger import Ledger, Line, final_key
from training.data.teaching.request import Request, request_of
from training.data.types import Preference

MOST_LINES = 50_000
"""OpenAI's limit for a file, as is the next."""
MOST_BYTES = 200_000_000
URL = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Imported:
    """What the lines of a batch's output were."""

    added: int
    known: int
    """Answers that the ledger had already."""
    failed: dict[str, int]
    """What went wrong -> lines; their rows are asked again."""


def export_batch(preferences: Iterable[Preference], config: TeacherConfig, ledger: Ledger, path: Path) -> list[Path]:
    """Write the requests that the ledger has no answer to; further files than the first are numbered from 2.

    The keys are the `custom_id`s, the bodies those of single requests.
    """
    return export_requests((request_of(row, config) for row in preferences), ledger, path)


def export_requests(requests: Iterable[Request], ledger: Ledger, path: Path) -> list[Path]:
    """The same for requests of any kind."""
    ledger.refresh()
    bodies = {request.key: request.body for request in requests}
    lines = (_line(key, body) for key, body in bodies.items() if ledger.get(key) is None)
    written = []
    for number, data in enumerate(_files(lines), start=1):
        written.append(path if number == 1 else path.with_stem(f"{path.stem}-{number}"))
        write_bytes(written[-1], data)
    return written


def import_batch(path: Path, ledger: Ledger) -> Imported:
    """Put the answers of an output or error file into a ledger, as they are; may be repeated."""
    ledger.refresh()
    added: dict[str, Line] = {}
    known, failed = 0, Counter[str]()
    with path.open(encoding="utf-8") as file:
        for line in map(_read, file):
            key = final_key(line)
            if key is None:
                failed[_failure(line)] += 1
            elif key in added or ledger.get(key) is not None:
                known += 1
            else:
                added[key] = {"id": "", **line}
    if added:
        ledger.put(added.values())
    return Imported(len(added), known, dict(sorted(failed.items())))


def _line(key: str, body: dict[str, Any]) -> bytes:
    """A request as a line of a batch."""
    return json.dumps({"custom_id": key, "method": "POST", "url": URL, "body": body}).encode() + b"\n"


def _files(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines in files that are small enough."""
    file, size = list[bytes](), 0
    for line in lines:
        if file and (len(file) == MOST_LINES or size + len(line) > MOST_BYTES):
            yield b"".join(file)
            file, size = [], 0
        file.append(line)
        size += len(line)
    if file:
        yield b"".join(file)


def _read(text: str) -> Line:
    """A line of output; empty if it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _failure(line: Line) -> str:
    """A name for what a line without an answer says."""
    response, error = line.get("response"), line.get("error")
    code = response.get("status_code") if isinstance(response, dict) else None
    if isinstance(code, int) and code != 200:
        return f"http_{code}"
    if isinstance(error, dict) and error.get("code"):
        return str(error["code"])
    return "malformed"
