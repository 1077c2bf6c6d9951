"""Many inputs on all cores, a thousand at a time: what is done is never done again."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bpo_model.files import write_text
from evals.machine import machine
from evals.million.inputs import make
from evals.million.steps import examine

CHUNK = 1000
"""Inputs that are written down together; what a crash can cost."""
SLOWEST = 10
"""Inputs that a chunk, and the report, list as the slowest of each step."""
SHOWN = 200
"""Characters of an input in the report; its number gives the whole."""


def run(numbers: range, out: Path, *, limit: float, jobs: int, seconds: float | None = None) -> dict[str, Any]:
    """Examine the inputs of these numbers, as far as `seconds` allow; the same call goes on where it stopped.

    Returns the report over all chunks in `out`, and writes it there as `report.json`.
    """
    end = None if seconds is None else time.monotonic() + seconds
    todo = [start for start in range(numbers.start, numbers.stop, CHUNK) if not _file(out, start, numbers).exists()]
    # Spawned: a fork would copy whatever threads the caller has.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        work = partial(_chunk, numbers=numbers, out=out, limit=limit, end=end)
        for done in as_completed([pool.submit(work, start) for start in todo]):
            done.result()
    report = summarize(_read(out), limit)
    write_text(out / "report.json", json.dumps(report, indent=1))
    return report


def _file(out: Path, start: int, numbers: range) -> Path:
    """Where a chunk lies; its name says which numbers it holds."""
    return out / "chunks" / f"{start}-{min(start + CHUNK, numbers.stop)}.json"


def _chunk(start: int, numbers: range, out: Path, limit: float, end: float | None) -> None:
    """Examine the inputs of a chunk and write down what came of them; nothing if the time is up before its end."""
    rows = []
    for seed in range(start, min(start + CHUNK, numbers.stop)):
        if end is not None and time.monotonic() > end:
            return
        rows.append(examine_one(seed, limit))
    write_text(_file(out, start, numbers), json.dumps(condense(rows)))


def examine_one(seed: int, limit: float) -> dict[str, Any]:
    """One input, as a row."""
    given = make(seed)
    outcome = examine(given, limit)
    text = given.text.encode("utf-8", "backslashreplace").decode()
    return {
        "seed": seed, "kind": given.kind, "characters": len(given.text), "goes_on": outcome.goes_on,
        "seconds": outcome.seconds, "problems": outcome.problems, "text": text[:SHOWN],
    }  # fmt: skip


def condense(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts, every problem, and the slowest inputs of each step."""
    return {
        "inputs": len(rows),
        "characters": sum(row["characters"] for row in rows),
        "kinds": dict(Counter(row["kind"] for row in rows)),
        "go_on": sum(row["goes_on"] for row in rows),
        "seconds": _totals(row["seconds"] for row in rows),
        "problems": [dict(row) for row in rows if row["problems"]],
        "slowest": _slowest(rows),
    }


def summarize(chunks: Sequence[Mapping[str, Any]], limit: float) -> dict[str, Any]:
    """The same over all chunks."""
    rows = {row["seed"]: row for chunk in chunks for found in chunk["slowest"].values() for row in found}
    problems = [row for chunk in chunks for row in chunk["problems"]]
    return {
        "machine": machine(),
        "limit_s": limit,
        "inputs": sum(chunk["inputs"] for chunk in chunks),
        "characters": sum(chunk["characters"] for chunk in chunks),
        "kinds": dict(sum((Counter(chunk["kinds"]) for chunk in chunks), Counter[str]())),
        "go_on": sum(chunk["go_on"] for chunk in chunks),
        "seconds": _totals(chunk["seconds"] for chunk in chunks),
        "problems": dict(Counter(_name(problem) for row in problems for problem in row["problems"])),
        "problem_inputs": sorted(problems, key=lambda row: int(row["characters"]))[:50],
        "slowest": _slowest(list(rows.values())),
    }


def _name(problem: str) -> str:
    """A problem without what differs between inputs."""
    return problem.partition(" finds ")[0][:60]


def _read(out: Path) -> list[dict[str, Any]]:
    """All chunks that are there."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted((out / "chunks").glob("*.json"))]


def _totals(times: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Seconds by step."""
    total = Counter[str]()
    for found in times:
        total.update(found)
    return {name: round(value, 3) for name, value in total.items()}


def _slowest(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By step, the inputs that took longest."""
    steps = sorted({name for row in rows for name in row["seconds"]})
    return {
        name: [dict(row) for row in sorted(rows, key=lambda row: -row["seconds"].get(name, 0.0))[:SLOWEST]]
        for name in steps
    }
