"""The runs as numbers, and the numbers as Markdown; texts of prompts and rewrites are shown as data."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evals.quality.measures import share
from evals.torture.run import Outcome, Run

LISTED = 25
"""Violations and errors that the Markdown lists for a rival; of ours it lists all, as JSON and page do for both."""
_COLUMNS = ("cases", "violated", "changed", "changed others", "wrongly changed", "errors", "most broken")


def leaderboard(runs: Sequence[Run], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was counted, and every violating text."""
    return {"conditions": dict(conditions), "rewriters": [_rewriter(one) for one in runs]}


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts of some cases; shares are of the cases that have a rewrite, since a failed call is no pass."""
    answered = [one for one in outcomes if one.rewrite is not None]
    return {
        "cases": len(outcomes),
        "errors": len(outcomes) - len(answered),
        "violated": share([bool(one.broken) for one in answered]),
        "changed": share([one.changed for one in answered if one.case.changeable]),
        "changed others": share([one.changed for one in answered if not one.case.changeable]),
        "wrongly changed": share([one.changed for one in answered if "unchanged" in one.case.checks]),
        "broken": dict(Counter(broken.check for one in answered for broken in one.broken).most_common()),
    }


def to_markdown(report: Mapping[str, Any]) -> str:
    """Conditions, totals of all rewriters, then each rewriter by kind with what it broke."""
    lines = ["; ".join(f"{name}: {plain(value)}" for name, value in report["conditions"].items()), ""]
    totals = [[plain(one["name"]), *_cells(one["total"]), f"{one['seconds']:.1f}"] for one in report["rewriters"]]
    lines += _table(["rewriter", *_COLUMNS, "seconds"], totals)
    for one in report["rewriters"]:
        rows = [[kind, *_cells(found)] for kind, found in one["kinds"].items()]
        lines += ["", f"## {plain(one['name'])}", "", *_table(["kind", *_COLUMNS], rows), *_read(one)]
    return "\n".join(lines) + "\n"


def plain(text: object) -> str:
    """One line for a terminal and a cell of Markdown: nothing in it is markup, a control or invisible."""
    shown = "".join(_visible(char) for char in str(text))
    for char in "\\`|<>[]*_#&":
        shown = shown.replace(char, f"\\{char}")
    return shown


def visible(text: str) -> str:
    """The text with control, invisible and broken characters written out; line ends and tabs stay."""
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    r"""Such as `\u200b` for a zero-width space."""
    if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return char
    return char.encode("unicode_escape").decode("ascii")


def _rewriter(run: Run) -> dict[str, Any]:
    """One rewriter's section."""
    kinds = {kind: [one for one in run.outcomes if one.case.kind == kind] for kind in _kinds(run)}
    return {
        "name": run.name,
        "verified": run.ours,
        "seconds": round(run.seconds, 2),
        "total": summary(run.outcomes),
        "kinds": {kind: summary(outcomes) for kind, outcomes in kinds.items()},
        "violations": [_violation(one) for one in run.violated],
        "errors": [{"case": one.case.id, "error": one.error} for one in run.errors],
    }


def _kinds(run: Run) -> list[str]:
    """In the order of the cases."""
    return list(dict.fromkeys(one.case.kind for one in run.outcomes))


def _violation(one: Outcome) -> dict[str, Any]:
    """All that a reader needs to agree or not."""
    return {
        "case": one.case.id, "why": one.case.why, "prompt": one.case.prompt, "rewrite": one.rewrite,
        "broken": [{"check": broken.check, "detail": broken.detail} for broken in one.broken],
    }  # fmt: skip


def _cells(found: Mapping[str, Any]) -> list[str]:
    """One row without its name."""
    shares = [_share(found[name]) for name in ("violated", "changed", "changed others")]
    wrongly = found["wrongly changed"]
    most = ", ".join(f"{name} {count}" for name, count in list(found["broken"].items())[:3])
    return [str(found["cases"]), *shares, f"{wrongly['count']} of {wrongly['n']}", str(found["errors"]), most or "-"]


def _share(one: Mapping[str, Any]) -> str:
    """Such as `3 of 60, 5.0% (1.7 to 13.7)`."""
    if not one["n"]:
        return "-"
    low, high = (100 * end for end in one["interval"])
    return f"{one['count']} of {one['n']}, {100 * one['share']:.1f}% ({low:.1f} to {high:.1f})"


def _read(one: Mapping[str, Any]) -> list[str]:
    """What was broken and what failed: all of ours, for whoever reads a failed CI, and the first of a rival's."""
    broken = [
        f"* {found['case']}: {plain('; '.join(_said(broken) for broken in found['broken']))}"
        for found in one["violations"]
    ]
    failed = [f"* {found['case']}: error: {plain(found['error'])}" for found in one["errors"]]
    most = None if one["verified"] else LISTED
    lines = [*broken[:most], *failed[:most]]
    left = len(broken) + len(failed) - len(lines)
    return ["", *lines, *([f"* and {left} more"] if left else [])] if lines else []


def _said(broken: Mapping[str, str]) -> str:
    """Such as `keep: lost '$800'`."""
    return f"{broken['check']}: {broken['detail']}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]
