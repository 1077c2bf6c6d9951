"""The commands behind `python -m evals`."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bpo_integrations.step import OptimizerLike
from bpo_model.checkpoint import load_checkpoint
from bpo_model.compare.budget import Budget, BudgetSpentError
from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.judging import Template, load_template
from bpo_model.compare.store import Store
from bpo_model.compare.types import Item
from evals.machine import machine
from evals.winrate.benchmarks import SETS, dataset_sha, load
from evals.winrate.calibrate import Calibration, calibrate
from evals.winrate.experiments import Experiment, load_experiment, with_targets
from evals.winrate.models import load_models, pick
from evals.winrate.plan import plan, to_text
from evals.winrate.published import render_against_paper
from evals.winrate.results import report, save_verdicts
from evals.winrate.run import Setup, run
from evals.winrate.via import VIAS


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 2 incomplete, 3 too many verdicts that cannot be read."""
    args = _parser().parse_args(arguments)
    code: int = args.command(args)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description="Rerun the paper's win-rate benchmarks.")
    commands = parser.add_subparsers(required=True)
    planned = commands.add_parser("plan", help="items, calls, tokens, money and time; spends nothing, needs no key")
    _what(planned)
    planned.set_defaults(command=_plan)
    running = commands.add_parser("run", help="answer, judge and report; the same command resumes")
    _what(running)
    running.add_argument("--out", type=Path, required=True, help="the run's folder")
    running.add_argument("--via", choices=list(VIAS), default="raw", help="the product's adapter that rewrites")
    running.add_argument("--checkpoint", help="the optimizer; default: embedded")
    running.add_argument("--max-usd", type=float, help="stop before this is exceeded")
    running.add_argument("--keep-invalid", action="store_true", help="do not ask again where no verdict was readable")
    running.set_defaults(command=_run)
    reported = commands.add_parser("report", help="the report of a run; or the paper's own numbers, checked")
    reported.add_argument("run", type=Path, nargs="?")
    reported.add_argument("--against", choices=["paper"])
    reported.add_argument("--seed", type=int, default=0)
    reported.set_defaults(command=_report)
    checking = commands.add_parser("judge-check", help="how often a judge agrees with BPO-test's preferred answers")
    checking.add_argument("--models", type=Path, required=True)
    checking.add_argument("--judge", required=True)
    checking.add_argument("--judge-template", default="pairwise")
    checking.add_argument("--judge-style", choices=["pairwise", "ranking"], default="pairwise")
    checking.add_argument("--data", type=Path)
    checking.add_argument("--limit", type=int)
    checking.add_argument("--max-usd", type=float)
    checking.add_argument("--out", type=Path, required=True)
    checking.set_defaults(command=_check)
    return parser


def _what(parser: argparse.ArgumentParser) -> None:
    """What to compare, on what, judged by whom."""
    parser.add_argument("experiment", help="table3, table4, ..., fig3, controls")
    parser.add_argument("--models", type=Path, required=True, help="TOML file of aliases, see evals/winrate/models.py")
    parser.add_argument(
        "--target", required=True, action="append", help="alias for all targets, or the-papers-name=alias; repeatable"
    )
    parser.add_argument("--judge", required=True, action="append", help="alias; may be given several times")
    parser.add_argument("--judge-template", default="pairwise", help="pairwise, ranking, or a text file")
    parser.add_argument("--judge-style", choices=["pairwise", "ranking"], default="pairwise", help="of a text file")
    parser.add_argument("--sets", nargs="+", help=f"of {', '.join(SETS)}, or files of prompts")
    parser.add_argument("--data", type=Path, help="folder of the four sets")
    parser.add_argument("--limit", type=int, help="items of each set")
    parser.add_argument("--rows", nargs="+", help="only these comparisons")
    parser.add_argument("--orders", choices=["both", "one"], default="both")
    parser.add_argument("--replicates", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)


def _experiment(args: argparse.Namespace) -> Experiment:
    """With the user's target in every arm, and only the rows asked for."""
    pairs = [name.split("=", 1) if "=" in name else ("*", name) for name in args.target]
    return with_targets(load_experiment(args.experiment), dict(pairs), rows=args.rows)


def _targets(experiment: Experiment, models: dict[str, ModelSpec]) -> dict[str, ModelSpec]:
    """The models that the arms name."""
    return {arm.target: pick(models, arm.target) for row in experiment.rows for arm in (row.a, row.b)}


def _items(args: argparse.Namespace, experiment: Experiment) -> list[Item]:
    return [item for name in args.sets or experiment.sets for item in load(name, args.data, args.limit)]


def _plan(args: argparse.Namespace) -> int:
    experiment, models = _experiment(args), load_models(args.models)
    items = _items(args, experiment)
    judges = {alias: pick(models, alias) for alias in args.judge}
    orders = 2 if args.orders == "both" else 1
    targets = _targets(experiment, models)
    lines = plan(experiment.rows, items, targets, judges, orders=orders, replicates=args.replicates)
    print(to_text(lines, len(experiment.rows), len(items)))  # noqa: T201
    return 0


def _run(args: argparse.Namespace) -> int:
    experiment, models = _experiment(args), load_models(args.models)
    items, template = _items(args, experiment), load_template(args.judge_template, args.judge_style)
    facts = _session(args, template)
    with Store(args.out, dataset_sha(items), facts, keep_invalid=args.keep_invalid) as store:
        try:
            judgments = asyncio.run(_judge(args, experiment, items, models, template, store))
        except BudgetSpentError as spent:
            print(f"stopped: {spent}; the same command goes on", file=sys.stderr)  # noqa: T201
            return 2
    save_verdicts(args.out, judgments)
    return report(args.out, seed=args.seed)


async def _judge(
    args: argparse.Namespace, experiment: Experiment, items: list[Item], models: dict[str, ModelSpec],
    template: Template, store: Store,
) -> Any:  # fmt: skip
    """Connect, and run."""
    budget = Budget(args.max_usd)
    async with AsyncExitStack() as stack:

        async def model(alias: str) -> Model:
            spec = pick(models, alias)
            return Model(await stack.enter_async_context(spec.connect(budget)), f"{alias}: {spec.model}", spec.params)

        optimizer: OptimizerLike = args.checkpoint
        setup = Setup(
            experiment.name, experiment.rows, items,
            {alias: await model(alias) for alias in _targets(experiment, models)},
            [Judge(alias, await model(alias), template) for alias in args.judge],
            lambda iterations: VIAS[args.via](optimizer, iterations), args.via, _identity(args.checkpoint),
            args.orders == "both", args.replicates, args.seed,
        )  # fmt: skip
        return await run(setup, store, _Progress(len(experiment.rows) * len(args.judge) * len(items)))


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, pairs: int) -> None:
        self._pairs, self._done = pairs, 0

    def __call__(self) -> None:
        self._done += 1
        if self._done % 50 == 0:
            print(f"{self._done} verdicts ({self._pairs} pairs)", file=sys.stderr)  # noqa: T201


def _report(args: argparse.Namespace) -> int:
    if args.run is None:
        print(render_against_paper())  # noqa: T201
        return 0
    return report(args.run, seed=args.seed)


def _check(args: argparse.Namespace) -> int:
    items, template = load("bpo_test", args.data, args.limit), load_template(args.judge_template, args.judge_style)
    spec = pick(load_models(args.models), args.judge)

    async def check(store: Store) -> Calibration:
        async with spec.connect(Budget(args.max_usd)) as chat:
            judge = Judge(args.judge, Model(chat, f"{args.judge}: {spec.model}", spec.params), template)
            return await calibrate(judge, items, store)

    with Store(args.out, dataset_sha(items)) as store:
        found = asyncio.run(check(store))
    for name, value in asdict(found).items():
        print(f"{name:20}{value if value is None else round(value, 1)}")  # noqa: T201
    return 0


def _identity(checkpoint: str | None) -> str:
    """What identifies the optimizer in keys."""
    return str(load_checkpoint(checkpoint).identity)


def _session(args: argparse.Namespace, template: Template) -> dict[str, Any]:
    """What the manifest notes: no keys, only the names of what was asked for."""
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    names = ("experiment", "target", "judge", "via", "orders", "limit", "seed", "replicates", "rows", "sets")
    return {
        **{name: getattr(args, name) for name in names},
        "checkpoint": _identity(args.checkpoint), "template_sha": template.sha, "git": revision,
        "versions": {name: version(name) for name in ("bpo-model", "openai", "numpy")},
        "machine": machine(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
