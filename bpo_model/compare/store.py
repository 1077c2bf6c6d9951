"""The record of a run: one line of JSON for every call, never changed, and found again by its content.

A key is a digest of everything that a call depends on. Another judge prompt therefore asks only the judges
again, another rewriter everything behind it, and two rows with the same call share it.
"""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, TypeAlias

from bpo_model.compare.lock import lock

logger = logging.getLogger(__name__)

Stage: TypeAlias = Literal["rewrite", "answer", "judge"]
Record: TypeAlias = dict[str, Any]
"""A call: `key`, `stage`, `status`, and whatever the caller adds."""

FILES: dict[Stage, str] = {"rewrite": "rewrites.jsonl", "answer": "responses.jsonl", "judge": "judgments.jsonl"}
VERSION = 1
"""Of the records and of what a key is made of."""


class StoreError(RuntimeError):
    """The folder cannot be used as it is; the message says what to do."""


class MissingRecordsError(StoreError):
    """Calls that a report needs are not in the store."""


def key_of(
    stage: Stage, inputs: Any, model: str, params: Mapping[str, Any], template_sha: str = "", replicate: int = 0
) -> str:
    """The key of a call: SHA-256 of canonical JSON, in which neither order nor 0 against 0.0 matters.

    Raises:
        TypeError: If something is no JSON, ValueError if a number is not finite.
    """
    parts = {
        "v": VERSION, "stage": stage, "inputs": inputs, "model": model, "params": params,
        "template_sha": template_sha, "replicate": replicate,
    }  # fmt: skip
    text = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def join(records: Mapping[str, Record], wanted: Mapping[str, str]) -> dict[str, Record]:
    """The record of every wanted key, under the label it is wanted for, such as an item's id.

    Raises:
        MissingRecordsError: With the labels of all that are not there: none is left out of a report in silence.
    """
    missing = sorted(label for label, key in wanted.items() if key not in records)
    if missing:
        raise MissingRecordsError(f"{len(missing)} of {len(wanted)} records are missing: {', '.join(missing)}")
    return {label: records[key] for label, key in wanted.items()}


def read(folder: Path, stage: Stage) -> dict[str, Record]:
    """The last record of every key, sorted by key; changes nothing, and works while a run is writing.

    Raises:
        StoreError: If a line other than the last is no record.
    """
    file = folder / FILES[stage]
    records, _ = _parse(file.read_bytes() if file.exists() else b"", file)
    return dict(sorted(records.items()))


def read_all(folder: Path, stage: Stage) -> list[Record]:
    """Every record in the order of writing, those that a later one of the same key replaced included."""
    file = folder / FILES[stage]
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [record for line in lines if (record := _record(line)) is not None]


class Store:
    """One run's folder, open for writing; `async` code may share it, and so may threads.

    A record is on the disk when `put` returns. Records that earlier runs left with status `error`, and unless
    `keep_invalid` also `invalid`, are not found by `get`, so that their calls are made again.
    """

    def __init__(
        self, folder: Path, dataset_sha: str, facts: Mapping[str, Any] | None = None, *, keep_invalid: bool = False
    ) -> None:
        """Open or begin a run; `facts` (versions, seeds, hashes) go into manifest.json.

        Raises:
            LockedError: If another process writes there.
            StoreError: If the run is one on other data, or if a file is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._writing = threading.Lock()
        self._files: dict[Stage, BinaryIO] = {}
        self._records: dict[Stage, dict[str, Record]] = {}
        self._retry: set[str] = set()
        self._lock = lock(folder / "lock")
        try:
            _check_manifest(folder / "manifest.json", dataset_sha, facts or {})
            for stage in FILES:
                self._open(stage, {"error"} if keep_invalid else {"error", "invalid"})
        except BaseException:
            self.close()
            raise

    def get(self, stage: Stage, key: str) -> Record | None:
        """The record of a call, or None if it has to be made."""
        return None if key in self._retry else self._records[stage].get(key)

    def put(self, stage: Stage, record: Mapping[str, Any]) -> None:
        """Append the record of a call, which must have its `key`, and its `status` (`Status`).

        Raises:
            ValueError: If it lacks these, or is no JSON (TypeError).
            OSError: If the disk is full; nothing of the record is left behind then.
        """
        kept: Record = {"v": VERSION, "stage": stage, **record}
        if not kept.get("key") or kept.get("status") not in {"ok", "invalid", "error", "identical"}:
            raise ValueError(f"a record needs key and status, got {kept.get('key')!r} and {kept.get('status')!r}")
        line = json.dumps(kept, allow_nan=False).encode() + b"\n"
        with self._writing:
            _append(self._files[stage], line)
            self._records[stage][kept["key"]] = json.loads(line)
            self._retry.discard(kept["key"])

    def records(self, stage: Stage) -> dict[str, Record]:
        """The last record of every key, sorted by key: the order in which calls ended does not show."""
        with self._writing:
            return dict(sorted(self._records[stage].items()))

    def close(self) -> None:
        """Close the files and let others in."""
        for file in self._files.values():
            file.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self, stage: Stage, retry: set[str]) -> None:
        """Read what is there and cut off what a crash left of a last line."""
        path = self.folder / FILES[stage]
        file = self._files[stage] = path.open("a+b", buffering=0)
        file.seek(0)
        content = file.read()
        self._records[stage], good = _parse(content, path)
        if good < len(content):
            logger.warning("%s: dropped a torn last line of %d bytes", path.name, len(content) - good)
            file.truncate(good)
        elif content and not content.endswith(b"\n"):
            file.write(b"\n")  # an editor left it out
        self._retry |= {key for key, record in self._records[stage].items() if record.get("status") in retry}


def _plain(value: Any) -> Any:
    """The same with whole floats as integers and tuples as lists."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _parse(content: bytes, file: Path) -> tuple[dict[str, Record], int]:
    """Records by key, and how many bytes hold them: all, or all but a torn last line."""
    records: dict[str, Record] = {}
    lines = content.splitlines(keepends=True)
    good = 0
    for number, line in enumerate(lines, start=1):
        record = _record(line)
        if record is not None:
            records[record["key"]] = record
        elif line.strip() and number < len(lines):
            raise StoreError(f"{file.name}, line {number} is no record: repair it, or delete the line to call again")
        elif line.strip():
            break
        good += len(line)
    return records, good


def _record(line: bytes) -> Record | None:
    """A line's record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("key"), str) else None


def _append(file: BinaryIO, line: bytes) -> None:
    """Write a line and wait for the disk; after a failure the file is as it was before."""
    before = file.seek(0, os.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(f"{file.name}: the disk took only a part of a record; is it full?")
        os.fsync(file.fileno())
    except OSError:
        file.truncate(before)
        raise


def _check_manifest(file: Path, dataset_sha: str, facts: Mapping[str, Any]) -> None:
    """Begin a manifest, or compare with the one that is there and note what is new about this session."""
    manifest: dict[str, Any] = {"v": VERSION, "dataset_sha": dataset_sha, "sessions": []}
    if file.exists():
        manifest = json.loads(file.read_text(encoding="utf-8"))
    known = (manifest.get("v"), manifest.get("dataset_sha"))
    if known != (VERSION, dataset_sha):
        raise StoreError(
            f"the run in {file.parent.name} is one on other data (version and dataset {known}, now "
            f"{(VERSION, dataset_sha)}): its results cannot be continued. Choose another folder."
        )
    session = json.loads(json.dumps(facts))
    if session not in manifest["sessions"]:
        manifest["sessions"].append(session)
        fresh = file.with_name(file.name + ".new")
        fresh.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.replace(fresh, file)
