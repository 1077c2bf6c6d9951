"""Check that a data set is what its manifest says: `python -m training.data.verify FOLDER`."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data.artifacts import MANIFEST, PAIRS, TRAIN, VAL, artifact_names, file_facts, manifest_text


def main(argv: Sequence[str] | None = None) -> int:
    """Print every problem; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="a folder with manifest.json")
    folder = parser.parse_args(argv).folder
    problems = verify(folder)
    for problem in problems:
        print(problem)  # noqa: T201
    print(f"{folder}: {len(problems)} problems" if problems else f"{folder}: as its manifest says")  # noqa: T201
    return 1 if problems else 0


def verify(folder: Path) -> list[str]:
    """What is wrong, one line each with the file's name in front; empty if all is well.

    A changed manifest is the only problem that is named then, since nothing it says can be trusted.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return [f"{MANIFEST}: missing, so the run that makes it has not finished"]
    manifest = _read(path)
    if manifest is None:
        return [f"{MANIFEST}: changed after it was written"]
    listed: Mapping[str, Mapping[str, Any]] = manifest["files"]
    found = artifact_names(folder)
    problems = [f"{name}: missing" for name in listed if name not in found]
    problems += [f"{name}: not in the manifest" for name in found if name not in listed]
    for name in listed:
        if name in found:
            problems += _compare(folder / name, name, listed[name])
    return sorted([*problems, *_split_problems(listed)])


def _read(path: Path) -> dict[str, Any] | None:
    """The manifest; None if it is not byte for byte what was written."""
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        same = manifest_text(manifest).encode() == content
    except (ValueError, AttributeError, RecursionError):
        return None
    return manifest if same else None


def _compare(path: Path, name: str, listed: Mapping[str, Any]) -> Iterator[str]:
    """What differs between a file and what is written about it."""
    try:
        found = file_facts(path)
    except (OSError, EOFError, ValueError) as error:  # too damaged for counting rows
        yield f"{name}: changed, and not readable any more ({type(error).__name__})"
        return
    if found["rows"] != listed["rows"]:
        yield f"{name}: {found['rows']} rows, the manifest says {listed['rows']}"
    if found["sha256"] != listed["sha256"]:
        yield f"{name}: changed, its SHA-256 is {found['sha256'][:12]}.. instead of {listed['sha256'][:12]}.."


def _split_problems(listed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Every pair is in train or in validation."""
    if {PAIRS, TRAIN, VAL} <= set(listed):
        split, pairs = listed[TRAIN]["rows"] + listed[VAL]["rows"], listed[PAIRS]["rows"]
        if split != pairs:
            yield f"{TRAIN}: has with {VAL} {split} rows, {PAIRS} has {pairs}"


if __name__ == "__main__":
    sys.exit(main())
