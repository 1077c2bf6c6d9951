"""Every answer that was paid for, in a folder: whatever crashes, no request is made twice.

A line has the form of OpenAI's Batch output, so that the results of a batch are lines of a ledger. Every writer
has a file of its own; what counts is the union. So processes and machines may share the folder, or merge theirs
by copying.
"""

import json
import logging
import os
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from bpo_model.errors import BPOError
from training.data.teaching.replies import is_final

logger = logging.getLogger(__name__)

Line: TypeAlias = dict[str, Any]
"""{"custom_id": key, "response": {"status_code": 200, "body": {...}}, "error": null}; from a batch also "id"."""


class LedgerError(BPOError, ValueError):
    """A file of the ledger is damaged; the message says where."""


def line_of(key: str, status_code: int, body: Any) -> Line:
    """The line for the response to a single request."""
    return {"custom_id": key, "response": {"status_code": status_code, "body": body}, "error": None}


def final_key(line: Line) -> str | None:
    """Under which key a line is kept; None for a failure, which is to be asked again."""
    key, response = line.get("custom_id"), line.get("response")
    if not isinstance(key, str) or not isinstance(response, dict):
        return None
    return key if is_final(response.get("status_code", 0), response.get("body")) else None


class Ledger:
    """The answers in a folder, all in memory: some 2 kB each.

    May be pickled and used after a fork: the copy reads the folder again and writes to a file of its own.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is there; the folder is made with the first answer.

        Raises:
            LedgerError: If a line other than the last of a file is no JSON object.
        """
        self.folder = folder
        self._lines: dict[str, Line] = {}
        self._read_to: dict[str, int] = {}
        self._file: BinaryIO | None = None
        self._owner = 0
        self._writing = threading.Lock()
        self.refresh()

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, key: str) -> Line | None:
        """The line of a request, or None if it has to be asked."""
        return self._lines.get(key)

    def put(self, lines: Iterable[Line]) -> None:
        """Append lines; they are on the disk when this returns.

        Raises:
            ValueError: If a line is a failure, and TypeError if it is no JSON; nothing is written then.
            OSError: If the disk does not take them. The next call begins another file, so that what this one
                may have left is a torn last line.
        """
        added = list(lines)
        if failures := [line.get("custom_id") for line in added if final_key(line) is None]:
            raise ValueError(f"only answers are kept, these are failures: {failures[:3]}")
        data = b"".join(json.dumps(line).encode() + b"\n" for line in added)
        with self._writing:
            self._append(data)
            for line in added:
                self._keep(line)

    def refresh(self) -> None:
        """Read what others have written since."""
        for path in sorted(self.folder.glob("*.jsonl")):
            if self._file is None or path.name != Path(self._file.name).name:
                self._load(path)

    def close(self) -> None:
        """Close the file; a further `put` begins another one."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Ledger.__init__(self, state["folder"])

    def _append(self, data: bytes) -> None:
        """Write to this process's own file and wait for the disk."""
        if self._file is None or self._owner != os.getpid():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / f"{secrets.token_hex(8)}.jsonl").open("xb", buffering=0)
            self._owner = os.getpid()
        try:
            if self._file.write(data) != len(data):
                raise OSError(f"{self.folder}: the disk took only a part of an answer; is it full?")
            os.fsync(self._file.fileno())
        except OSError:
            self.close()
            raise

    def _load(self, path: Path) -> None:
        """Read a file from where the last reading ended."""
        start = self._read_to.get(path.name, 0)
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole, rest = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
        for number, text in enumerate(whole.splitlines(), start=1):
            line = _line(text)
            if line is not None:
                self._keep(line)
            elif text.strip():
                where = f"line {number}" if start == 0 else f"{number} lines after byte {start}"
                raise LedgerError(f"{path}, {where} is no JSON object: repair it, or delete the line to ask again")
        self._read_to[path.name] = start + len(whole)
        self._load_end(path, rest)

    def _load_end(self, path: Path, text: bytes) -> None:
        """Read a last line without its end: it is torn, still being written, or only lacks the line break."""
        line = _line(text)
        if line is not None:
            self._keep(line)
        elif text.strip():
            logger.warning("%s: left out an unfinished last line of %d bytes", path.name, len(text))

    def _keep(self, line: Line) -> None:
        """Remember an answer.

        Two machines may have asked the same. Which answer counts must not depend on the order of reading, or
        a second run would make other pairs.
        """
        key = final_key(line)
        if key is not None:
            known = self._lines.get(key)
            self._lines[key] = line if known is None else min(known, line, key=_rank)


def _rank(line: Line) -> tuple[bool, str]:
    """Answers before refusals, and one text before another."""
    return line["response"]["status_code"] != 200, json.dumps(line["response"], sort_keys=True)


def _line(text: bytes) -> Line | None:
    """A line's object."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
