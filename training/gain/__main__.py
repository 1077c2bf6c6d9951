"""python -m training.gain best|controls --data FILE: pairs without a teacher, and whether their gains mean anything.

FILE is JSONL, or a JSON list, of objects with prompt, chosen and rejected (or good_res, bad_res);
the controls need optimized_prompt too.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bpo_model import PromptOptimizer
from bpo_model.cores import default_threads
from bpo_model.errors import BPOError
from bpo_model.files import write_text
from training.gain.best import MIN_GAIN, best_of_k
from training.gain.controls import control_table, to_markdown
from training.gain.draw import OptimizerDraw
from training.gain.items import read_items, usable
from training.gain.scorer import Scorer


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it is done, 1 if something is wrong with the data or the models."""
    args = _parser().parse_args(argv)
    # torch's threads wait for each other: with as many as cores, one other busy process stalls all of them.
    torch.set_num_threads(default_threads())
    try:
        _best(args) if args.command == "best" else _controls(args)
    except (BPOError, ValueError, OSError) as error:
        print(f"training.gain: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _best(args: argparse.Namespace) -> None:
    """Write the pairs and print the counts."""
    items = read_items(args.data)[: args.limit]
    draw = OptimizerDraw(PromptOptimizer.from_pretrained(args.model), args.k, args.temperature, args.seed)
    report = best_of_k(items, args.out, draw, Scorer.load(args.lm), min_gain=args.min_gain)
    print(json.dumps(report["counts"], indent=2))  # noqa: T201


def _controls(args: argparse.Namespace) -> None:
    """Write and print the table."""
    scorer = Scorer.load(args.lm)
    items, rejects = usable(read_items(args.data)[: args.limit], scorer)
    table = control_table(items, PromptOptimizer.from_pretrained(args.model), scorer)
    table["rejected"] = {reject.id: reject.reason for reject in rejects}
    write_text(args.out / "controls.json", json.dumps(table, indent=2) + "\n")
    write_text(args.out / "controls.md", to_markdown(table))
    print(to_markdown(table))  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.gain", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("best", "write the best of K rewrites"), ("controls", "compare gains with controls")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--data", type=Path, required=True, help="preference data")
        command.add_argument("--out", type=Path, default=Path("runs/gain"), help="folder; default: %(default)s")
        command.add_argument("--limit", type=int, help="only the first rows")
        command.add_argument("--lm", default="", help="scorer: GGUF file, folder or hub id; default: the embedded base")
        command.add_argument("--model", help="optimizer that rewrites; default: the embedded one")
    best = commands.choices["best"]
    best.add_argument("--k", type=int, default=8, help="candidates a prompt; default: %(default)s")
    best.add_argument("--temperature", type=float, default=0.9, help="of all candidates but the first")
    best.add_argument("--seed", type=int, default=0, help="another one for every round")
    best.add_argument("--min-gain", type=float, default=MIN_GAIN, help="nats; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
