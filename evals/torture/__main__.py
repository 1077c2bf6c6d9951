"""python -m evals.torture --optimizer SPEC ...: prompt rewriters on prompts that break rewriters.

SPEC is bpo, bpo:PATH_OR_HUB_ID, bpo-raw, openai:MODEL@BASE_URL, python:MODULE:NAME, identity or suffix
(evals/torture/rivals.py). The exit code is 1 if our own verified optimizer breaks a check or fails.

The contract was mended with failures of the first set, whose result is therefore too good. `--heldout` runs a second
set that nobody mended anything with. Whoever does so after reading its failures says it in training/LOG.md; from
then on it is not held out any more.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpo_model import BPOError
from bpo_model.files import write_text
from bpo_model.template import Template
from evals.machine import machine
from evals.torture.cases import CASES, Case, load_cases
from evals.torture.leaderboard import leaderboard, to_markdown
from evals.torture.page import to_html
from evals.torture.rivals import ASK, Spec, open_rival
from evals.torture.run import Run, run
from evals.winrate.via import VIAS

HELDOUT = CASES.parent / "heldout"
"""The second set: the same kinds, other cases, none of which the contract has seen."""
EVERY = 50
"""Cases between two lines of progress."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and write leaderboard.md, leaderboard.json and violations.html."""
    parser = _parser()
    args = parser.parse_args(argv)
    runs = list[Run]()
    try:
        specs, cases = _specs(args), load_cases(args.cases, args.kinds)
        for spec in specs:
            runs.append(asyncio.run(_run(spec, cases)))
            _write(args.out, _report(runs, cases, args.cases))
    except (ValueError, OSError, BPOError) as error:
        parser.error(str(error))
    print(to_markdown(_report(runs, cases, args.cases)))  # noqa: T201
    return int(any(one.ours and (one.violated or one.errors) for one in runs))


async def _run(spec: Spec, cases: Sequence[Case]) -> Run:
    """One rewriter; never two at the same time, so that none slows another down."""
    async with open_rival(spec) as rival:
        return await run(cases, rival, _Progress(rival.name, len(cases)))


def _report(runs: Sequence[Run], cases: Sequence[Case], folder: Path) -> dict[str, Any]:
    """The leaderboard so far."""
    conditions: dict[str, Any] = {"set": "held out"} if folder == HELDOUT else {}
    conditions |= {"machine": machine(), "date": datetime.now(UTC).isoformat(timespec="minutes")}
    return leaderboard(runs, conditions | {"cases": len(cases), "kinds": len({case.kind for case in cases})})


def _write(folder: Path | None, report: Mapping[str, Any]) -> None:
    """After every rewriter, so that stopping the next one loses nothing."""
    if folder:
        # Escapes, because a broken rewrite may hold what no encoding can write.
        write_text(folder / "leaderboard.json", json.dumps(report, indent=2) + "\n")
        write_text(folder / "leaderboard.md", to_markdown(report))
        write_text(folder / "violations.html", to_html(report))


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, name: str, cases: int) -> None:
        self._name, self._cases, self._done = name, cases, 0

    def __call__(self) -> None:
        self._done += 1
        if self._done % EVERY == 0 or self._done == self._cases:
            print(f"{self._name}: {self._done} of {self._cases}", file=sys.stderr)  # noqa: T201


def _specs(args: argparse.Namespace) -> list[Spec]:
    """What to put to the test."""
    ask = Template(args.rewriter_prompt.read_text(encoding="utf-8")) if args.rewriter_prompt else ASK
    specs = [Spec(text, args.via, ask, args.concurrency) for text in args.optimizer]
    if args.via != "raw" and not any(spec.parts["kind"] == "bpo" for spec in specs):
        raise ValueError(f"--via {args.via} needs --optimizer bpo: only our own optimizer goes through our adapters")
    return specs


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evals.torture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--optimizer", action="append", required=True, metavar="SPEC", help="whom; repeatable")
    parser.add_argument("--via", choices=list(VIAS), default="raw", help="the adapter that bpo goes through")
    parser.add_argument("--rewriter-prompt", type=Path, metavar="FILE", help="what openai: asks; holds {prompt} once")
    parser.add_argument("--concurrency", type=int, default=8, help="calls of an endpoint at the same time")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=[], help="such as quotes,unicode")
    cases = parser.add_mutually_exclusive_group()
    cases.add_argument("--cases", type=Path, default=CASES, metavar="FOLDER", help="your own cases instead of ours")
    cases.add_argument(
        "--heldout", action="store_const", dest="cases", const=HELDOUT, help="the set that nothing was mended with"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the leaderboard and the violating texts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
