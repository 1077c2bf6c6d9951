"""python -m evals.million --n 1000000 --out runs/million: a million strange prompts through split, gate, verify.

Reports crashes, broken promises, inputs over the time limit, and the slowest ones. The same command goes on where it
was stopped; `--first` and `--n` choose a range of numbers, so that machines can share the work. `--show NUMBER` prints
what a number stands for. Exit code 1 if there was any problem.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.million.inputs import make
from evals.million.run import examine_one, run


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m evals.million", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--n", type=int, default=1_000_000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--out", type=Path, default=Path("runs/million"))
    parser.add_argument("--limit", type=float, default=5.0, help="seconds of processor time for one step of one input")
    parser.add_argument("--minutes", type=float, help="stop after so long; the same command goes on later")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--show", type=int, metavar="NUMBER", help="print one input and what comes of it")
    args = parser.parse_args(argv)
    if args.show is not None:
        print(ascii(make(args.show)), examine_one(args.show, args.limit), sep="\n")  # noqa: T201
        return 0
    seconds = None if args.minutes is None else 60 * args.minutes
    numbers = range(args.first, args.first + args.n)
    report = run(numbers, args.out, limit=args.limit, jobs=args.jobs, seconds=seconds)
    print(to_text(report))  # noqa: T201
    return 1 if report["problems"] else 0


def to_text(report: Mapping[str, Any]) -> str:
    """A few lines for people."""
    count, seconds = report["inputs"], report["seconds"]
    lines = [f"{count:,} inputs of {report['characters']:,} characters; the gate let {report['go_on']:,} through"]
    lines += [f"{name}: {1000 * total / max(1, count):.2f} ms each" for name, total in seconds.items()]
    for name, rows in report["slowest"].items():
        worst = rows[0]
        took, size = 1000 * worst["seconds"][name], worst["characters"]
        lines.append(f"slowest {name}: number {worst['seed']} ({worst['kind']}, {size:,} characters), {took:.0f} ms")
    lines += [f"PROBLEM {number:,} times: {name}" for name, number in report["problems"].items()]
    lines += [f"  such as number {row['seed']}: {row['problems'][0]}" for row in report["problem_inputs"][:10]]
    return "\n".join([*lines, "no problem" if not report["problems"] else "see report.json, and --show NUMBER"])


if __name__ == "__main__":
    sys.exit(main())
