"""Rewrite a JSONL file: resumable, atomic, at constant memory, one bad line costs one record.

Each input line is a JSON string, or an object with `prompt` (text) or `messages`. Finished
records collect in `OUT.part`, which a later run continues; OUT appears only when complete.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bpo_model.errors import BPOError, PromptError
from bpo_model.records import to_record
from bpo_model.schema import OptimizedPrompt, Prompt, Reason

CHUNK = 32
"""Prompts that go to the model together; also what a crash can cost."""


@dataclass(slots=True)
class FileCounts:
    """What happened to the lines of a file."""

    done: int = 0
    resumed: int = 0
    changed: int = 0
    failed: int = 0
    first_failure: str = field(default="", compare=False)
    """Line and reason, for who does not look into the records."""

    def add(self, record: dict[str, Any]) -> None:
        """Count one finished record."""
        self.done += 1
        self.changed += bool(record.get("changed"))
        self.failed += "error" in record
        if "error" in record and not self.first_failure:
            self.first_failure = f"line {record.get('line')}: {record['error']}"


def rewrite_file(
    source: Path,
    out: Path,
    optimize_batch: Callable[[list[Prompt]], list[OptimizedPrompt]],
    on_progress: Callable[[int], None] = lambda done: None,
    settings: str = "",
) -> FileCounts:
    """Rewrite every line of `source` into `out`.

    `settings` names the model and options: an earlier run with others is not continued.

    Raises:
        BPOError: If `out` or `source` cannot be used, or `OUT.part` belongs to another input.
    """
    if not source.is_file():
        raise BPOError(f"{source} does not exist or is not a file.")
    if out.exists():
        raise BPOError(f"{out} exists already. Delete it, or choose another --out.")
    part, counts = out.with_name(out.name + ".part"), FileCounts()
    with source.open("rb") as lines, _open_part(part) as records:
        _skip_finished(lines, records, part, counts, settings)
        on_progress(counts.done)
        numbered = enumerate(lines, start=counts.done + 1)
        while chunk := list(islice(numbered, CHUNK)):
            for record in _rewrite_chunk(chunk, optimize_batch, settings):
                records.write(json.dumps(record, ensure_ascii=True).encode() + b"\n")
                counts.add(record)
            records.flush()
            on_progress(counts.done)
        os.fsync(records.fileno())
    os.replace(part, out)
    return counts


def _open_part(part: Path) -> Any:
    """The collecting file, opened for reading and appending."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        return part.open("a+b")
    except OSError as error:
        raise BPOError(f"cannot write {part}: {error.strerror}. Choose another --out.") from error


def _skip_finished(lines: Any, records: Any, part: Path, counts: FileCounts, settings: str) -> None:
    """Step over the input lines that have a record; drop a record that was cut off."""
    records.seek(0)
    kept = 0
    for number, raw in enumerate(iter(records.readline, b""), start=1):
        record = _parse_record(raw)
        if record is None:
            break
        if record.get("input") != _digest(lines.readline(), settings):
            raise BPOError(f"{part} line {number} belongs to another input, model or options. Delete it to start over.")
        kept += len(raw)
        counts.add(record)
        counts.resumed += 1
    records.truncate(kept)
    records.seek(0, os.SEEK_END)


def _parse_record(raw: bytes) -> dict[str, Any] | None:
    """A finished record, or None for a torn last line."""
    if not raw.endswith(b"\n"):
        return None
    try:
        record = json.loads(raw)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _rewrite_chunk(
    chunk: list[tuple[int, bytes]],
    optimize_batch: Callable[[list[Prompt]], list[OptimizedPrompt]],
    settings: str,
) -> Iterator[dict[str, Any]]:
    """Records of a chunk in order; lines that cannot be read never reach the model."""
    parsed = [parse_line(raw) for _, raw in chunk]
    prompts = [item for item, _ in parsed if not isinstance(item, PromptError)]
    results = iter(optimize_batch(prompts) if prompts else [])
    for (number, raw), (item, extra) in zip(chunk, parsed, strict=True):
        head = {"line": number, "input": _digest(raw, settings), **extra}
        if isinstance(item, PromptError):
            yield {**head, "error": str(item)}
            continue
        result = next(results)
        failed = {"error": result.detail} if result.reason is Reason.ERROR else {}
        yield {**head, **to_record(result), **failed}


def parse_line(raw: bytes) -> tuple[Prompt | PromptError, dict[str, Any]]:
    """Read an input line: (prompt or what is wrong with the line, its id if it has one)."""
    try:
        item = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return PromptError(f'not a line of JSON in UTF-8: {error}; expected "a prompt" or {{"prompt": "..."}}'), {}
    if isinstance(item, str):
        return item, {}
    given = [item.get("prompt"), item.get("messages")] if isinstance(item, dict) else []
    prompt: Any = next((value for value in given if value is not None), None)
    if not isinstance(prompt, (str, list)):
        return PromptError("expected a JSON string, or an object with `prompt` (text) or `messages` (list)"), {}
    extra = {"id": item["id"]} if isinstance(item.get("id"), (str, int)) else {}
    return prompt, extra


def _digest(raw: bytes, settings: str) -> str:
    """Short hash of an input line and the settings, to notice that either has changed."""
    return hashlib.blake2b(raw.strip(), digest_size=8, key=hashlib.sha256(settings.encode()).digest()).hexdigest()
