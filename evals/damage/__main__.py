"""python -m evals.damage FILE: how much damage the contract notices, and how many good rewrites it refuses.

FILE is JSONL, or a JSON list, of `prompt` and a good `optimized_prompt`. Every good rewrite that the contract
accepts is spoiled in every way that applies. Both numbers belong together: a contract that refuses everything
notices all damage.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bpo_model.contract import verify
from bpo_model.split import split
from evals.damage.kinds import KINDS
from evals.quality.measures import share
from evals.rewrites import read_rows


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m evals.damage", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    report = measure(read_rows(args.file), args.seed)
    print(json.dumps(report, indent=1) if args.json else to_markdown(report))  # noqa: T201
    return 0


def measure(rows: Iterable[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Refused good rewrites, and noticed damage by kind, each with a 95% interval."""
    changed = [found for row in rows if (found := _instructions(row))]
    good = [pair for pair in changed if not verify(*pair)]
    return {
        "good_rewrites_refused": share([pair not in good for pair in changed]),
        "damage": {name: _kind(name, good, seed) for name in KINDS},
    }


def to_markdown(report: Mapping[str, Any]) -> str:
    """A line for each kind."""
    lines = ["| damage | noticed | 95% | of | by |", "|---|---|---|---|---|"]
    for name, found in report["damage"].items():
        by = ", ".join(f"{check} {count}" for check, count in found["by"].items()) or "-"
        lines.append(f"| {name} | {_percent(found['noticed'])} | {found['noticed']['n']} | {by} |")
    refused = report["good_rewrites_refused"]
    lines.append(f"| **none: good rewrites refused** | {_percent(refused)} | {refused['n']} | |")
    return "\n".join(lines)


def _instructions(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """(instruction, its rewrite) of a changed row whose context was kept; None for others."""
    parts, whole = split(row["prompt"]), row["optimized_prompt"]
    inner = whole[len(parts.before) : len(whole) - len(parts.after)]
    if not inner.strip() or parts.put_back(inner) != whole or inner == parts.instruction:
        return None
    return parts.instruction, inner


def _kind(name: str, good: Sequence[tuple[str, str]], seed: int) -> dict[str, Any]:
    """What the contract says of one kind of damage; damage that changes nothing is none."""
    noticed, by = [], Counter[str]()
    for prompt, rewrite in good:
        spoiled = KINDS[name](prompt, rewrite, random.Random(f"{seed} {name} {prompt}"))
        if spoiled is None or spoiled in {rewrite, prompt}:
            continue
        violations = verify(prompt, spoiled)
        noticed.append(bool(violations))
        by.update(violation.check for violation in violations[:1])
    return {"noticed": share(noticed), "by": dict(by.most_common(3))}


def _percent(found: Mapping[str, Any]) -> str:
    if not found["n"]:
        return "- | -"
    low, high = found["interval"]
    return f"{100 * found['share']:.1f}% | {100 * low:.1f} to {100 * high:.1f}"


if __name__ == "__main__":
    sys.exit(main())
