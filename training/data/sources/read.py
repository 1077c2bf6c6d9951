"""Where rows come from: a file, a folder of files, or the hub if that is asked for."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bpo_model.errors import BPOError
from training.data.sources.fields import Row

FORMS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
"""What a file can be, by the end of its name."""
UNREADABLE = "unreadable line"
"""The only key of a row that stands for a line which is no JSON object; no parser knows it."""


def find_files(path: Path, patterns: Sequence[str]) -> list[Path]:
    """The file, or the files of a folder that fit a pattern, by name.

    Raises:
        ValueError: If there is none, or if it is of a form that cannot be read. Nothing is looked for elsewhere.
    """
    if path.is_dir():
        files = sorted({file for pattern in patterns for file in path.rglob(pattern) if file.is_file()})
        if not files:
            raise ValueError(f"the folder {path} has none of {', '.join(patterns)}; give the file itself instead")
        return files
    if not path.is_file():
        raise ValueError(f"there is no file or folder {path}; to download a dataset, give its revision and no path")
    if not path.name.endswith(FORMS):
        raise ValueError(f"{path} cannot be read: its name must end in {', '.join(FORMS)}")
    return [path]


def download(hub: str, revision: str, patterns: Sequence[str]) -> Path:
    """The folder in the cache that holds these files of a dataset of the hub.

    Raises:
        BPOError: If they cannot be had, for instance because the dataset is gated.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub, repo_type="dataset", revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:  # all of the hub's own errors are one of these
        raise BPOError(
            f"could not download the dataset {hub} at {revision}: {error}. If it is gated, accept its conditions on "
            "its page and run `hf auth login`; or download its files and give their path."
        ) from error


def read_rows(files: Iterable[Path]) -> Iterator[Row]:
    """All rows of all files; a line that is no JSON object becomes a row that every parser calls malformed.

    Raises:
        ValueError: If a file is damaged as a whole; names it.
    """
    for file in files:
        try:
            yield from _rows(file)
        except (EOFError, OSError, ValueError, zlib.error) as error:
            raise ValueError(f"{file} is damaged or not of the form its name says: {error}") from error


def _rows(file: Path) -> Iterator[Row]:
    if file.name.endswith(".parquet"):
        yield from _parquet(file)
    elif file.name.endswith(".json"):
        yield from _list(file)
    else:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as lines:
            yield from _lines(lines)


def _lines(lines: IO[bytes] | gzip.GzipFile) -> Iterator[Row]:
    """JSON Lines; only line feeds end a line, unlike in str.splitlines."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _row(json.loads(line), number)
            except (ValueError, RecursionError):
                yield _row(line.decode(errors="replace"), number)


def _list(file: Path) -> Iterator[Row]:
    rows = json.loads(file.read_bytes())
    if not isinstance(rows, list):
        raise ValueError(f"a .json file must be a list of rows, got {type(rows).__name__}; is it JSON Lines (.jsonl)?")
    for number, row in enumerate(rows, start=1):
        yield _row(row, number)


def _row(value: Any, number: int) -> Row:
    return value if isinstance(value, dict) else {UNREADABLE: f"{number}: {str(value)[:200]}"}


def _parquet(file: Path) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        for batch in table.iter_batches():
            yield from batch.to_pylist()
