"""Ask the teacher from many processes or machines: Ray Data hands the rows out, the ledger remembers the answers.

Only the ledger is filled here; `construct` then finds every answer in it and asks nothing. Ray starts the rows of
a dead worker again, and its own checkpoints save nothing that was under way, so what makes a restart free is that
a worker looks into the ledger before it asks, and has written to it before it goes on.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.cluster import cluster
from training.data.teaching.config import TeacherConfig
from training.data.teaching.ledger import Ledger
from training.data.teaching.request import request_of
from training.data.teaching.teacher import Teacher, outcome_of
from training.data.types import Preference

BATCH = 16
"""Rows that a worker takes at a time; what it looks up in the ledger at once, too."""


def fill_ledger(
    preferences: Sequence[Preference],
    config: TeacherConfig,
    ledger: Path,
    *,
    workers: int,
    address: str | None = None,
    progress: bool = True,
) -> dict[str, int]:
    """Ask for every row that has no answer; returns how many rows ended in which status.

    Every worker has `config.concurrency` requests of its own, and a part of what is left of `config.max_usd`; rows
    that it may not ask for any more are `not_asked`, and another call shares out what is left then.

    Raises:
        ValueError: If there is no worker, or a key is needed and missing.
    """
    if workers < 1:
        raise ValueError(f"workers must be >= 1, got {workers}")
    left, spent = _open(preferences, config, Ledger(ledger))
    if not left:
        return {}
    config.key()
    if config.max_usd is not None:
        config = replace(config, max_usd=max(0.0, config.max_usd - spent) / workers)
    with cluster(address) as ray:
        blocks = -(-len(left) // BATCH)
        asked = ray.data.from_items([asdict(row) for row in left], override_num_blocks=blocks).map_batches(
            Asker, fn_constructor_args=(config, ledger.resolve()), batch_size=BATCH, num_cpus=0.1,
            compute=ray.data.ActorPoolStrategy(size=workers),
        )  # fmt: skip
        done = tqdm(asked.iter_rows(), desc="asking", total=len(left), unit="row", disable=not progress)
        return dict(sorted(Counter(row["status"] for row in done).items()))


def _open(preferences: Sequence[Preference], config: TeacherConfig, ledger: Ledger) -> tuple[list[Preference], float]:
    """The rows without an answer, and USD of the answers that the others have."""
    left, spent = [], 0.0
    for row in preferences:
        request = request_of(row, config)
        line = ledger.get(request.key)
        if line is None:
            left.append(row)
        else:
            spent += outcome_of(row, request, line, config).usd or 0.0
    return left, spent


class Asker:
    """A worker: one teacher, and a file of its own in the ledger."""

    def __init__(self, config: TeacherConfig, ledger: Path) -> None:
        self._teacher = Teacher(config, Ledger(ledger))
        self._loop = asyncio.Runner()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Columns of preferences -> their ids, and what came of each."""
        self._teacher.ledger.refresh()  # a worker that died may have had these rows
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        outcomes = self._loop.run(self._ask([{name: str(text) for name, text in row.items()} for row in rows]))
        return {name: [str(outcome[name]) for outcome in outcomes] for name in ("id", "status")}

    async def _ask(self, rows: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*map(self._teacher, rows)))
