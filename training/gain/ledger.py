"""What was computed, by its content: one line of JSON a record, so that a run that was cut off repeats nothing."""

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def key_of(*parts: Any) -> str:
    """SHA-256 over everything that a record depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Ledger:
    """Records by key; a record is on the disk when `put` returns. One process writes at a time."""

    def __init__(self, path: Path) -> None:
        """Open or begin; what a crash left of a last line is cut off.

        Raises:
            ValueError: If another line is damaged; names it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        self._records = _parse(whole, path)
        self._file = path.open("ab")
        self._file.truncate(len(whole))

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def get(self, key: str) -> Any:
        """The record; KeyError if there is none."""
        return self._records[key]

    def put(self, key: str, value: Any) -> None:
        """Append a record, which must be JSON."""
        self._file.write(json.dumps({"key": key, "value": value}).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._records[key] = value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    """Records by key."""
    records = {}
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            record = json.loads(line)
            records[record["key"]] = record["value"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}:{number} is damaged ({error!r}). Delete the line; it is computed again."
            ) from None
    return records
