"""python -m evals.opro: search one instruction for a set, or for each of its categories; see evals/opro/__init__.py.

The set is one of the paper's by name, or a file of prompts; rows with a `check`, such as those of
evals/quality/tasks.jsonl, are scored by code, all others by the judge. Killed, the same command goes on and pays
for nothing twice; more --steps go on where fewer ended.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.chat import ChatError
from bpo_model.compare.judging import load_template
from evals.opro.plan import plan
from evals.opro.run import Job, run
from evals.opro.search import INITIAL, PER_STEP, Settings
from evals.winrate.benchmarks import SETS, load, read_rows
from evals.winrate.models import load_models, pick


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 2 stopped by the budget or by an endpoint."""
    parser = _parser()
    args = parser.parse_args(arguments)
    checks = _checks(args.set)
    if bool(checks) == bool(args.judge):
        parser.error("rows with checks need no --judge" if checks else f"{args.set} has no checks: give a --judge")
    job = _job(args, checks)
    if args.plan:
        print(plan([one[1:] for one in job.groups()], job.settings, job.models))  # noqa: T201
        return 0
    try:
        print(asyncio.run(run(job, args.out)))  # noqa: T201
    except (BudgetSpentError, ChatError) as stopped:
        print(f"stopped: {stopped}; the same command goes on", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _job(args: argparse.Namespace, checks: dict[str, dict[str, object]]) -> Job:
    """What the arguments ask for."""
    known = load_models(args.models)
    aliases = {"target": args.target, "proposer": args.proposer or args.target}
    aliases |= {"judge": args.judge} if args.judge else {}
    items = load(args.set, args.data)
    missing = [item.id for item in items if checks and item.id not in checks]
    if missing:
        raise ValueError(f"{len(missing)} of {len(items)} rows have no check, such as {missing[0]}; give all or none")
    return Job(
        items, {role: pick(known, alias) for role, alias in aliases.items()}, aliases, checks,
        load_template(args.judge_template, args.judge_style), Settings(args.steps, args.per_step, args.seed),
        args.by_category, args.train_share, args.max_usd, args.max_calls,
    )  # fmt: skip


def _checks(name: str) -> dict[str, dict[str, object]]:
    """The checks of a file of one's own, by item id as `load` makes them."""
    file = Path(name)
    if name in SETS or not file.is_file():
        return {}
    rows = enumerate(read_rows(file.read_text(encoding="utf-8")))
    return {
        f"{file.stem}/{row.get('id', number)}": row["check"]
        for number, row in rows if isinstance(row, dict) and "check" in row
    }  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.opro", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", required=True, help=f"one of {', '.join(SETS)}, or a file of prompts")
    parser.add_argument("--models", type=Path, required=True, help="TOML file of aliases, see evals/winrate/models.py")
    parser.add_argument("--target", required=True, help="alias of the model that answers")
    parser.add_argument("--proposer", help="alias of the model that writes instructions; default: the target")
    parser.add_argument("--judge", help="alias of the model that compares answers, for sets without checks")
    parser.add_argument("--judge-template", default="pairwise", help="pairwise, ranking, or a text file")
    parser.add_argument("--judge-style", choices=["pairwise", "ranking"], default="pairwise", help="of a text file")
    parser.add_argument("--steps", type=int, required=True, help=f"OPRO: 200; starts from {INITIAL!r}")
    parser.add_argument("--per-step", type=int, default=PER_STEP, help="instructions proposed in a step")
    parser.add_argument("--by-category", action="store_true", help="one search for each category, as in the paper")
    parser.add_argument("--train-share", type=float, default=0.8, help="of the prompts; the others are held out")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the examples shown")
    parser.add_argument("--data", type=Path, help="folder of the paper's sets")
    parser.add_argument("--max-usd", type=float, help="stop before this session exceeds it")
    parser.add_argument("--max-calls", type=int, help="stop when this session has made so many calls")
    parser.add_argument("--out", type=Path, required=True, help="folder of the calls and of result.json")
    parser.add_argument("--plan", action="store_true", help="say how many calls it takes at most, and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
