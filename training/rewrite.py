"""Rewrite a large file of prompts with a trained optimizer, on as many processes, machines or GPUs as there are.

python -m training.rewrite PROMPTS.jsonl --out OUT.jsonl --workers 4 [--gpus 1] [--checkpoint FOLDER]

The file is cut into chunks, and every chunk is rewritten as `bpo optimize --file` would: it resumes, and a worker
that dies costs the prompts it had in hand. OUT appears when all chunks are done; until then they are in
OUT.chunks, which another run of the same command goes on with. On one machine without a GPU `bpo optimize
--file` does the same without Ray.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bpo_model import BPOError
from bpo_model.files import write_bytes
from training.cluster import cluster

CHUNK = 1000
"""Lines; loading a model takes longer than rewriting a handful."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 3 if some lines could not be rewritten."""
    args = _parser().parse_args(argv)
    counts = rewrite(args.prompts, args.out, args.checkpoint, args.workers, args.gpus, args.chunk, args.address)
    print(json.dumps(counts))  # noqa: T201
    return 3 if counts["failed"] else 0


def rewrite(
    prompts: Path,
    out: Path,
    checkpoint: str | None = None,
    workers: int = 2,
    gpus: float = 0,
    chunk: int = CHUNK,
    address: str | None = None,
) -> dict[str, int]:
    """Rewrite all lines of a JSONL file; returns how many were done, changed and failed.

    Args:
        prompts: Lines as `bpo optimize --file` takes them.
        out: The records, in the order of the lines.
        checkpoint: Folder or hub id; None is the embedded default.
        workers: Actors, each with a model.
        gpus: Of each actor; a fraction lets several share one.
        chunk: Lines that an actor takes at a time.
        address: Of a Ray cluster; None starts one here.

    Raises:
        BPOError: If `out` is there already, or its chunks are those of another input.
    """
    if out.exists():
        raise BPOError(f"{out} exists already. Delete it, or choose another --out.")
    folder = out.with_name(out.name + ".chunks")
    files = _cut(prompts, folder, chunk)
    left = [str(file) for file in files if not _result(file).exists()]
    if left:
        with cluster(address) as ray:
            done = ray.data.from_items(left, override_num_blocks=len(left)).map_batches(
                Rewriter, fn_constructor_args=(checkpoint,), batch_size=1, num_cpus=0 if gpus else 1,
                num_gpus=gpus or None, compute=ray.data.ActorPoolStrategy(size=min(workers, len(left))),
            )  # fmt: skip
            for _ in tqdm(done.iter_rows(), desc="rewriting", total=len(left), unit="chunk"):
                pass
    counts = _join(files, out)
    shutil.rmtree(folder)
    return counts


class Rewriter:
    """An actor: one model, one chunk after the other."""

    def __init__(self, checkpoint: str | None) -> None:
        from bpo_model import PromptOptimizer

        self._checkpoint = checkpoint or ""
        self._optimizer = PromptOptimizer.from_pretrained(checkpoint)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Rewrite the chunks whose files are named."""
        from bpo_model.batch_file import rewrite_file

        files = [Path(str(name)) for name in batch["item"]]
        for file in files:
            if not _result(file).exists():
                rewrite_file(file, _result(file), self._optimizer.optimize_batch, settings=self._checkpoint)
        return {"item": [str(file) for file in files]}


def _cut(prompts: Path, folder: Path, chunk: int) -> list[Path]:
    """Write the chunks, or find those of an earlier run.

    Raises:
        BPOError: If there is no input, or the chunks are of another one.
    """
    if not prompts.is_file():
        raise BPOError(f"{prompts} does not exist or is not a file.")
    files: list[Path] = []
    with prompts.open("rb") as lines:
        while part := b"".join(islice(lines, chunk)):
            file = (folder / f"{len(files):06d}.jsonl").resolve()
            if file.exists() and hashlib.sha256(file.read_bytes()).digest() != hashlib.sha256(part).digest():
                raise BPOError(f"{folder} holds chunks of another input or size. Delete it to start over.")
            if not file.exists():
                write_bytes(file, part)
            files.append(file)
    return files


def _result(file: Path) -> Path:
    """Where the records of a chunk go."""
    return file.with_suffix(".out")


def _join(files: Sequence[Path], out: Path) -> dict[str, int]:
    """All records in one file, numbered through, whole or not at all."""
    counts = {"done": 0, "changed": 0, "failed": 0}
    part = out.with_name(out.name + ".part")
    with part.open("wb") as records:
        for record in _records(files):
            counts["done"] += 1
            counts["changed"] += bool(record.get("changed"))
            counts["failed"] += "error" in record
            records.write(json.dumps({**record, "line": counts["done"]}).encode() + b"\n")
        records.flush()
        os.fsync(records.fileno())
    os.replace(part, out)
    return counts


def _records(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        with _result(file).open("rb") as lines:
            yield from map(json.loads, lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.rewrite", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prompts", type=Path, help="JSONL of texts, or of objects with prompt or messages")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", help="folder or hub id; default: embedded")
    parser.add_argument("--workers", type=int, default=2, help="models at the same time")
    parser.add_argument("--gpus", type=float, default=0, help="of each worker")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="lines that a worker takes at a time")
    parser.add_argument("--address", help="of a Ray cluster; default: this machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
