"""From preferences to pairs: ask the teacher for every row, then keep what passes. Resumes where it was stopped."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

from training.data.teaching.config import TeacherConfig
from training.data.teaching.filters import to_pair
from training.data.teaching.ledger import Ledger
from training.data.teaching.request import request_of, stable_hash
from training.data.teaching.teacher import Outcome, Teacher, outcome_of
from training.data.types import Pair, Preference, Reject


@dataclass(frozen=True, slots=True)
class Usage:
    """What all answers together took, by the servers' own count."""

    answers: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Built:
    """Pairs, and a reject for every other row, both in the order of the preferences."""

    pairs: tuple[Pair, ...]
    rejects: tuple[Reject, ...]
    usage: Usage
    """Of every answer for these rows, from whichever run or batch."""
    cost: float | None
    """USD of `usage`, batches at their lower price; None: price or tokens are unknown."""
    asked: int
    """Answers that this run asked for."""
    open: int
    """Rejects that another run asks for again: there is no answer yet."""
    stopped: str
    """Why not all rows were asked; empty if they were."""


def construct(
    preferences: Iterable[Preference],
    config: TeacherConfig,
    out_ledger: Ledger,
    *,
    shard: tuple[int, int] = (0, 1),
    progress: bool = True,
) -> Built:
    """Build the pairs of shard i of n; a second run with the same ledger asks nothing and gives the same.

    Rows are dealt to shards by their ids, so that the shards together are the whole, in whatever order a machine
    reads them. Every shard has its own limit on cost.

    Raises:
        ValueError: If ids are not unique, the shard is none, a key is needed and missing, or an event loop is
            running already (call it with `asyncio.to_thread` there).
    """
    rows = _deal(list(preferences), shard)
    _refuse_running_loop()
    out_ledger.refresh()
    known = _known(rows, config, out_ledger)
    if len(known) < len(rows):
        config.key()
    teacher = Teacher(config, out_ledger, spent=sum(outcome.usd or 0.0 for outcome in known))
    outcomes = _ask_all(rows, teacher, progress) if rows else []
    return _build(rows, outcomes, teacher.brake.reason)


def _deal(preferences: Sequence[Preference], shard: tuple[int, int]) -> list[Preference]:
    """The rows of a shard."""
    number, shards = shard
    if not 0 <= number < shards:
        raise ValueError(f"a shard (i, n) needs 0 <= i < n, got {shard}")
    ids = [preference.id for preference in preferences]
    if len(set(ids)) < len(ids):
        double = next(id for id in ids if ids.count(id) > 1)
        raise ValueError(f"ids must be unique, but {double!r} comes twice: their answers could not be told apart")
    return [preference for preference in preferences if stable_hash(preference.id, shards) == number]


def _refuse_running_loop() -> None:
    """`datasets` starts a loop of its own, which fails inside of another one with a message that helps nobody."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ValueError(
        "construct runs an event loop, and one is running already: await asyncio.to_thread(construct, ...)"
    )


def _known(rows: Sequence[Preference], config: TeacherConfig, ledger: Ledger) -> list[Outcome]:
    """What the ledger holds already."""
    requests = [(row, request_of(row, config)) for row in rows]
    found = [(row, request, ledger.get(request.key)) for row, request in requests]
    return [outcome_of(row, request, line, config) for row, request, line in found if line is not None]


def _ask_all(rows: Sequence[Preference], teacher: Teacher, progress: bool) -> list[Outcome]:
    """An outcome for every row, in order."""
    import datasets

    columns = [field.name for field in fields(Preference)]
    table = datasets.Dataset.from_list([asdict(row) for row in rows])
    loops: set[asyncio.AbstractEventLoop] = set()
    with _bar(len(rows), progress) as bar, _without_bars():
        tokens = 0

        async def ask(row: dict[str, Any]) -> dict[str, Any]:
            nonlocal tokens
            loops.add(asyncio.get_running_loop())
            outcome = await teacher(row)
            tokens += (outcome["prompt_tokens"] or 0) + (outcome["completion_tokens"] or 0)
            priced = teacher.config.usd(0, 0) is not None
            bar.set_postfix_str(f"${teacher.brake.spent:.2f}" if priced else f"{tokens:,} tokens", refresh=False)
            bar.update()
            return outcome

        try:
            # A fingerprint of our own: else datasets pickles the function to look for a cached result, and the
            # ledger is the only memory that may answer for a teacher.
            answered = table.map(
                ask, remove_columns=columns, features=_features(), keep_in_memory=True, load_from_cache_file=False,
                new_fingerprint="outcomes",
            )  # fmt: skip
        finally:
            for loop in loops:  # datasets leaves its loop open
                loop.run_until_complete(teacher.aclose())
                loop.close()
    return [Outcome(**row) for row in answered.to_list()]


def _build(rows: Sequence[Preference], outcomes: Sequence[Outcome], stopped: str) -> Built:
    """Sort what came back."""
    results = [to_pair(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]
    final = [outcome for outcome in outcomes if outcome.final]
    prices = [outcome.usd for outcome in final]
    not_asked = any(outcome.status == "not_asked" for outcome in outcomes)
    return Built(
        pairs=tuple(result for result in results if isinstance(result, Pair)),
        rejects=tuple(result for result in results if isinstance(result, Reject)),
        usage=Usage(
            len(final),
            sum(outcome.prompt_tokens or 0 for outcome in final),
            sum(outcome.completion_tokens or 0 for outcome in final),
        ),
        cost=None if None in prices else sum(price for price in prices if price is not None),
        asked=sum(outcome.asked for outcome in outcomes),
        open=len(outcomes) - len(final),
        stopped=stopped if not_asked else "",
    )


def _features() -> Any:
    """The columns of an outcome: without them an empty one takes its type from whatever comes first."""
    import datasets

    types = {"final": "bool", "asked": "bool", "usd": "float64", "prompt_tokens": "int64", "completion_tokens": "int64"}
    return datasets.Features({field.name: datasets.Value(types.get(field.name, "string")) for field in fields(Outcome)})


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Any]:
    """A progress bar with rate and cost."""
    from tqdm import tqdm

    with tqdm(total=total, unit="row", desc="teacher", disable=not shown) as bar:
        yield bar


@contextmanager
def _without_bars() -> Iterator[None]:
    """No bars of datasets' own for this while."""
    import datasets

    before = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            datasets.enable_progress_bars()
