"""python -m evals.quality --out FOLDER [--prompts FILE]: judge-free metrics of a rewriter.

health      what it does to the prompts of a file, without asking any model
likelihood  whether its prompts make preferred answers likelier; FILE needs good_res and bad_res
tasks       whether it spoils tasks whose answers code can check

FILE is JSONL, or a JSON list, of objects with `prompt` and perhaps `optimized_prompt`. Without
--base-url the tasks go to the embedded base model on loopback, whose 135 million parameters solve
few of them: a rewrite can only break what was right.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpo_integrations.step import RewriteStep
from bpo_model import PromptOptimizer
from bpo_model.files import write_text
from evals.machine import machine
from evals.quality.endpoint import openai_chat, serve_base
from evals.quality.health import Rewriter, health
from evals.quality.likelihood import likelihood, triples
from evals.quality.report import to_markdown
from evals.quality.tasks import load_tasks, prevented, score, summary
from evals.quality.torch_lm import TorchLM
from evals.rewrites import read_rows

PARTS = ("health", "likelihood", "tasks")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write report.json and report.md."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.prompts is None and args.only != ["tasks"]:
        parser.error("health and likelihood need --prompts FILE; for the tasks alone: --only tasks")
    report = {"conditions": _conditions(args), **{part: _measure(part, args) for part in args.only}}
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_text(args.out / "report.md", to_markdown(report))
    print(to_markdown(report))  # noqa: T201
    return 0


def _measure(part: str, args: argparse.Namespace) -> dict[str, Any]:
    """One part of the report."""
    if part == "tasks":
        return asyncio.run(_tasks(args))
    rows = read_rows(args.prompts)[: args.limit]
    if part == "health":
        return health(rows, _rewriter(args), again=_rewriter(args))
    return likelihood(triples(rows), _rewriter(args), TorchLM(args.lm))


async def _tasks(args: argparse.Namespace) -> dict[str, Any]:
    """The tasks with the gate and without it, so that it shows what the gate prevents."""
    rewriters = {"gate": _rewriter(args), "no gate": _rewriter(args, rewrite="always")}
    tasks = load_tasks()[:: args.every]
    if args.base_url:
        target = args.target_model
        async with openai_chat(args.base_url, target) as chat:
            outcomes = await score(chat, tasks, rewriters, args.concurrency)
    else:
        target = "the embedded base model"
        with serve_base() as url:
            async with openai_chat(url, "base") as chat:
                outcomes = await score(chat, tasks, rewriters)
    return {
        "target": target,
        "modes": {name: summary(some) for name, some in outcomes.items()},
        "gate minus no gate": prevented(outcomes["gate"], outcomes["no gate"]),
    }


def _rewriter(args: argparse.Namespace, **options: Any) -> Rewriter:
    """An optimizer of its own, which does not know what others wrote; the loaded model is shared."""
    return RewriteStep(PromptOptimizer.from_pretrained(args.model), on_error="raise", **options).results


def _parts(text: str) -> list[str]:
    """The parts that --only names, in our order."""
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is not one of {', '.join(PARTS)}")
    return [part for part in PARTS if part in names]


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=Path, help="JSONL or JSON with prompts, for health and likelihood")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--only", type=_parts, default=list(PARTS), help="such as health,tasks; default: all")
    parser.add_argument("--limit", type=int, help="only the first so many prompts of the file")
    parser.add_argument("--every", type=int, default=1, help="take every n-th task only")
    parser.add_argument("--model", help="the rewriter's checkpoint; default: embedded")
    parser.add_argument("--lm", help="GGUF file, folder or hub id of the scorer; default: the embedded base model")
    parser.add_argument("--base-url", help="an OpenAI-compatible server for the tasks; the key in OPENAI_API_KEY")
    parser.add_argument("--target-model", default="default", help="the model's name there")
    parser.add_argument("--concurrency", type=int, default=4, help="questions at the same time to that server")
    return parser


def _conditions(args: argparse.Namespace) -> dict[str, Any]:
    """What a reader must know to compare two reports."""
    return {
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "checkpoint": PromptOptimizer.from_pretrained(args.model).checkpoint.name,
        "prompts": args.prompts.name if args.prompts else None,
    }


if __name__ == "__main__":
    sys.exit(main())
