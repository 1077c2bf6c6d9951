"""The report as markdown."""

from collections.abc import Sequence
from typing import Any

from evals.retrieval.metrics import METRICS


def to_markdown(report: dict[str, Any]) -> str:
    """Tables of all questions, of the changed ones, and by kind."""
    names = ("machine", "date", "embedding", "framework", "checkpoint", "variants")
    facts = "; ".join(f"{name}: {report[name]}" for name in names)
    changed, reasons = report["changed"], ", ".join(f"{name} {n}" for name, n in report["reasons"].items())
    lines = [
        facts,
        "",
        f"{report['all']['n']} questions, {report['passages']} passages, the first {report['depth']} results."
        f" Changed: {changed['n']} ({changed['share']:.0%}). Reasons: {reasons}.",
    ]
    for title, summary in [("All questions", report["all"]), ("Changed questions", report["changed only"])]:
        lines += ["", f"{title} (n = {summary['n']}):", "", *_levels(summary)]
        lines += ["", "Minus the original, paired, 95% bootstrap interval:", "", *_differences(summary)]
    return "\n".join([*lines, "", "By kind of question:", "", *_kinds(report["by kind"])]) + "\n"


def _levels(summary: dict[str, Any]) -> list[str]:
    """One row an arm."""
    rows = [[arm, *(f"{found[metric]:.3f}" for metric in METRICS)] for arm, found in summary["arms"].items()]
    return _table(["arm", *METRICS], rows)


def _differences(summary: dict[str, Any]) -> list[str]:
    """One row an arm; in brackets the interval, then how many questions gained and lost."""
    rows = [
        [arm, *(_difference(found["differences"][metric]) for metric in METRICS)]
        for arm, found in summary["arms"].items()
        if "differences" in found
    ]
    return _table(["arm", *METRICS], rows)


def _difference(one: dict[str, Any]) -> str:
    """Such as `-0.020 [-0.050, 0.010], +2 -5`."""
    low, high = one["interval"]
    return f"{one['mean']:+.3f} [{low:+.3f}, {high:+.3f}], +{one['gained']} -{one['lost']}"


def _kinds(kinds: dict[str, Any]) -> list[str]:
    """One row a kind; recall@1 and MRR of every arm."""
    arms = list(next(iter(kinds.values()))["arms"])
    rows = [
        [kind, str(one["n"]), str(one["changed"])]
        + [f"{one['arms'][arm]['recall@1']:.3f} / {one['arms'][arm]['MRR']:.3f}" for arm in arms]
        for kind, one in kinds.items()
    ]
    return _table(["kind", "n", "changed", *(f"{arm}, recall@1 / MRR" for arm in arms)], rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A markdown table."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]
