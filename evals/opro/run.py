"""A whole run: split, search, compare on the held-out prompts, and write what the arm `opro` needs.

The folder has every call (responses.jsonl), result.json, and held_out/ with the prompts that no search has seen.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bpo_model.compare.budget import Budget
from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.judging import Template
from bpo_model.compare.store import Store
from bpo_model.compare.types import Item
from bpo_model.files import write_text
from evals.machine import machine
from evals.opro.found import ALL, HELD_OUT, VERSION, prompt_sha, split
from evals.opro.metrics import Metric, checked, judged
from evals.opro.recorded import Recorded
from evals.opro.search import INITIAL, Outcome, Settings, compare, search, to_record
from evals.winrate.benchmarks import dataset_sha

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a run needs."""

    items: Sequence[Item]
    models: Mapping[str, ModelSpec]
    """By role: `target`, `proposer`, and `judge` if there are no checks."""
    aliases: Mapping[str, str]
    """By role; part of every key."""
    checks: Mapping[str, Mapping[str, Any]]
    """By item id; empty if the judge decides."""
    template: Template
    settings: Settings
    by_category: bool = False
    train_share: float = 0.8
    max_usd: float | None = None
    max_calls: int | None = None

    def groups(self) -> list[tuple[str, list[Item], list[Item]]]:
        """The searches: category (`ALL` for the whole set), items to search on, items held out.

        Raises:
            ValueError: If a category has too few prompts to split, or prompts have no category.
        """
        if self.by_category and not all(item.category for item in self.items):
            raise ValueError("a search by category needs a category in every row; search on all rows together instead")
        names = sorted({item.category for item in self.items}) if self.by_category else [ALL]
        members = {name: [item for item in self.items if name in {ALL, item.category}] for name in names}
        return [(name, *split(some, self.train_share, self.settings.seed)) for name, some in members.items()]


async def run(job: Job, folder: Path) -> str:
    """Search, and write the result; a text that sums it up.

    Raises:
        BudgetSpentError: If the budget is spent; nothing but the calls is written then.
        ChatError: If an endpoint failed for good; likewise.
    """
    groups = job.groups()
    files = [f"{_slug(category) or train[0].set}.jsonl" for category, train, _ in groups]
    if len(set(files)) < len(files):
        raise ValueError(f"two categories have the same name as files: {sorted(files)}; rename one")
    # Invalid records are kept: a request that was refused is not paid for again.
    with Store(folder, dataset_sha(job.items), _facts(job), keep_invalid=True) as store:
        calls = Recorded(store, job.max_calls)
        async with AsyncExitStack() as stack:
            models = await _connect(job, stack)
            stack.push_async_callback(calls.finish)  # before the clients close
            metric = _metric(job, calls, models)
            searches = [await _one(job, calls, models["proposer"], metric, *group) for group in groups]
    for one, file, (_, _, held) in zip(searches, files, groups, strict=True):
        one["held_out_file"] = file
        _write_held_out(folder / HELD_OUT / file, held)
    result = {"v": VERSION, **_facts(job), "metric": metric.name, "searches": searches, "cost": calls.cost()}
    write_text(folder / RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return _to_text(searches, calls)


async def _one(
    job: Job, calls: Recorded, proposer: Model, metric: Metric, category: str, train: list[Item], held: list[Item]
) -> dict[str, Any]:
    """One search and its comparison."""
    outcome = await search(calls, proposer, metric, train, job.settings, _progress(category))
    return {
        "category": category,
        **to_record(outcome),
        "held_out": await compare(metric, held, outcome.best.instruction),
        "searched": sorted({prompt_sha(item.prompt) for item in train}),
    }


async def _connect(job: Job, stack: AsyncExitStack) -> dict[str, Model]:
    """The models by role; two roles of one alias share its connections, and all share the budget."""
    budget, chats = Budget(job.max_usd), {}
    for role, alias in job.aliases.items():
        if alias not in chats:
            chats[alias] = await stack.enter_async_context(job.models[role].connect(budget))
    return {
        role: Model(chats[alias], f"{alias}: {job.models[role].model}", job.models[role].params)
        for role, alias in job.aliases.items()
    }


def _metric(job: Job, calls: Recorded, models: Mapping[str, Model]) -> Metric:
    if job.checks:
        return checked(calls, models["target"], job.checks)
    return judged(calls, models["target"], Judge(job.aliases["judge"], models["judge"], job.template))


def _progress(category: str) -> Callable[[Outcome], None]:
    def line(outcome: Outcome) -> None:
        best, last = outcome.best, outcome.trajectory[-1].step
        tried = f"{len(outcome.trajectory)} scored, {outcome.refused.total()} refused"
        print(f"{category or 'all'}, step {last}: {tried}, best {100 * best.score:.1f} of n={best.n}", file=sys.stderr)  # noqa: T201

    return line


def _write_held_out(file: Path, items: Sequence[Item]) -> None:
    """A file that `--sets` reads: the set is then named after the category."""
    rows = [{"id": item.id, "prompt": item.prompt, "category": item.category} for item in items]
    write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _slug(category: str) -> str:
    """A category as the name of a file."""
    return re.sub(r"[^\w-]+", "_", category)


def _facts(job: Job) -> dict[str, Any]:
    """For the manifest and the result; no keys."""
    return {
        "set": job.items[0].set, "prompts": len(job.items), "by_category": job.by_category,
        "train_share": job.train_share, **asdict(job.settings), "initial": INITIAL,
        "models": {role: {"alias": job.aliases[role], "model": spec.model, "params": dict(spec.params)}
                   for role, spec in job.models.items()},
        "template_sha": None if job.checks else job.template.sha,
        "versions": {name: version(name) for name in ("bpo-model", "openai")},
        "machine": machine(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def _to_text(searches: Sequence[Mapping[str, Any]], calls: Recorded) -> str:
    """One paragraph a search, and the cost."""
    lines = []
    for one in searches:
        held, score, gain = one["held_out"], one["score"], one["held_out"]["found_minus_plain"]
        found, start, plain = (f"{100 * held[name]:.1f}" for name in ("found", "initial", "plain"))
        mean, low, high = (f"{100 * value:+.1f}" for value in (gain["mean"], *gain["interval"]))
        lines += [
            f"{one['category'] or 'all'}: {one['instruction']!r}",
            f"  {100 * score['score']:.1f} on the n={score['n']} searched on; held out, n={held['n']}: "
            f"{found}, start {start}, plain {plain}; found - plain {mean} ({low} to {high})",
            f"  no readable verdict: {score['unread']} searched on, {held['unread']} of {2 * held['n']} held out",
        ]
    cost = calls.cost()
    usd = "unknown" if cost["usd"] is None else f"{cost['usd']:.4f}"
    return "\n".join([*lines, f"{cost['calls']} calls, {calls.made} of them now; USD {usd}"])
