"""The files of a data set: tables with a fixed schema, training files, and the manifest that vouches for all.

The same rows give the same bytes with the same version of pyarrow: rows are sorted, and nothing holds a time.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.metadata import version
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from bpo_model.base_file import file_sha256
from bpo_model.files import write_bytes, write_text
from training.data.types import Pair, Preference, Reject

Record = TypeVar("Record", Preference, Pair, Reject)

MANIFEST = "manifest.json"
TRAIN, VAL = "train.jsonl", "val.jsonl"
PAIRS = "pairs.parquet"
_VERSION = 1
_ROWS_A_GROUP = 10_000


def write_table(path: Path, rows: Iterable[Record], kind: type[Record]) -> int:
    """Write rows of one kind as parquet, one text column for each of its fields, sorted; returns how many.

    Raises:
        ValueError: If two preferences or two pairs have the same id.
    """
    import pyarrow as pa
    from pyarrow import parquet

    ordered = sorted(rows, key=attrgetter(*_names(kind)))
    if kind is not Reject:
        _check_unique([row.id for row in ordered])
    columns = [[getattr(row, name) for row in ordered] for name in _names(kind)]
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in _names(kind)])
    out = io.BytesIO()
    parquet.write_table(
        pa.table(columns, schema=schema), out, compression="zstd", version="2.6", row_group_size=_ROWS_A_GROUP
    )
    write_bytes(path, out.getvalue())
    return len(ordered)


def read_table(path: Path, kind: type[Record]) -> list[Record]:
    """The rows of a file that `write_table` wrote.

    Raises:
        ValueError: If its columns are not those of the kind.
        OSError: If it is not there or no parquet file.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(path) as table:
        found = tuple(table.schema_arrow.names)
        if found != _names(kind):
            raise ValueError(f"{path} has no {kind.__name__} rows: its columns are {', '.join(found)}")
        return [kind(**row) for batch in table.iter_batches() for row in batch.to_pylist()]


def write_training_files(out: Path, pairs: Iterable[Pair], val_share: float = 0.05) -> dict[str, int]:
    """Write train.jsonl and val.jsonl, what `training.pairs` reads; returns how many lines each has.

    A hash of its id decides where a pair goes: it stays there whatever else is added or left out.

    Raises:
        ValueError: If the share is not in [0, 1), or if an id occurs twice.
    """
    if not 0 <= val_share < 1:
        raise ValueError(f"the share of pairs for validation must be at least 0 and below 1, got {val_share}")
    ordered = sorted(pairs, key=lambda pair: pair.id)
    _check_unique([pair.id for pair in ordered])
    lines: dict[str, list[str]] = {TRAIN: [], VAL: []}
    for pair in ordered:
        row = {key: getattr(pair, key) for key in ("id", "source", "prompt", "optimized_prompt")}
        # ASCII, because readers that split lines as Python does would break a text at U+2028 or U+0085.
        lines[VAL if _fraction(pair.id) < val_share else TRAIN].append(json.dumps(row) + "\n")
    for name, content in lines.items():
        write_text(out / name, "".join(content))
    return {name: len(content) for name, content in lines.items()}


def write_manifest(
    folder: Path,
    *,
    config: Mapping[str, Any],
    inputs: Mapping[str, Path],
    counts: Mapping[str, Any],
    tokens: Mapping[str, int],
    cost: float | None,
) -> None:
    """Write manifest.json, last of all: it vouches for every file that is in the folder now, but hidden ones.

    Args:
        folder: The finished data set; files in folders below it count too.
        config: All settings, the seed among them; no keys, and no paths that are nobody's business.
        inputs: Files that were read, by the name they get in the manifest.
        counts: Rows by stage and reason.
        tokens: The teacher's tokens, by kind.
        cost: In US dollars; None if the price is not known.

    Raises:
        TypeError: If something is no JSON, ValueError if a number is not finite.
    """
    names = [name for name in artifact_names(folder) if not Path(name).name.startswith(".")]
    manifest = {
        "version": _VERSION,
        "config": config,
        "inputs": {name: file_facts(path) for name, path in inputs.items()},
        "files": {name: file_facts(folder / name) for name in names},
        "counts": counts,
        "tokens": tokens,
        "cost_usd": cost,
        "versions": {"python": platform.python_version(), "pyarrow": version("pyarrow")},
        "commit": _commit(),
    }
    write_text(folder / MANIFEST, manifest_text(json.loads(json.dumps(manifest, allow_nan=False))))


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """The manifest as its file has it, with a digest of itself: a changed byte shows there too."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    digest = hashlib.sha256(_json(content).encode()).hexdigest()
    return _json({**content, "digest": digest}) + "\n"


def artifact_names(folder: Path) -> list[str]:
    """All files in and below a folder but the manifest, with slashes, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST)


def file_facts(path: Path) -> dict[str, Any]:
    """SHA-256, size in bytes and number of rows, None for what has no rows."""
    return {"sha256": file_sha256(path), "size": path.stat().st_size, "rows": count_rows(path)}


def count_rows(path: Path) -> int | None:
    """Rows of a parquet file, lines with content of JSON Lines, or items of a list in JSON; None for other files.

    Raises:
        OSError: If the file cannot be read, ValueError if it is not what its name says.
    """
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())
    content = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    return len(content) if isinstance(content, list) else None


def _names(kind: type[Preference] | type[Pair] | type[Reject]) -> tuple[str, ...]:
    """The columns; all fields of the three kinds are text."""
    return tuple(field.name for field in fields(kind))


def _check_unique(ids: list[str]) -> None:
    """The ids come sorted."""
    twice = [one for one, other in pairwise(ids) if one == other]
    if twice:
        raise ValueError(f"{len(twice)} ids occur twice, such as {twice[0]}: every row needs its own")


def _fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _commit() -> str:
    """The checkout's commit, with `-dirty` if files differ from it; empty outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    folder, environment = Path(__file__).parent, {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return ""
    return found.stdout.strip()
