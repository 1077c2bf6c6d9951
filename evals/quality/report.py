"""The report as markdown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_COLUMNS = ("sent", "first candidate", "reference", "copy")


def to_markdown(report: Mapping[str, Any]) -> str:
    """Conditions, then a section for each part that was measured."""
    lines = ["; ".join(f"{name}: {value}" for name, value in report["conditions"].items())]
    for name, section in _SECTIONS.items():
        if name in report:
            lines += ["", *section(report[name])]
    return "\n".join(lines) + "\n"


def _health(found: Mapping[str, Any]) -> list[str]:
    """One row a metric, one column a source of texts."""
    columns = [name for name in _COLUMNS if name in found]
    rows: list[tuple[str, str, Callable[[Any], str]]] = [
        ("prompts", "n", str),
        ("rewritten", "rewritten", _share),
        ("left as it was", "unchanged", _share),
        ("passes the contract, of the rewritten", "contract", _share),
        ("answers instead of asking, of the rewritten", "answered", _share),
        ("length ratio of the rewritten, characters", "length_ratio", _spread),
        ("distinct-4", "distinct4", _number),
        ("chrF2 to the reference", "chrf_reference", _number),
        ("chrF2 to the prompt", "chrf_source", _number),
    ]
    table = [[title, *(show(found[column][key]) for column in columns)] for title, key, show in rows]
    lines = ["## Health", "", f"Reasons: {_counts(found['reasons'])}.", "", *_table(["metric", *columns], table), ""]
    again = found["idempotent"]
    lines.append(f"Unchanged when rewritten again: {_share(again)}; {_counts(again['reasons'])}.")
    nearer = found.get("nearer to the reference than a copy")
    lines += [f"chrF2 to the reference, sent minus copy: {_paired(nearer, 2)}."] if nearer else []
    return lines + [f"Checks that fired, {name}: {_counts(found[name]['failed'])}." for name in columns[:-1]]


def _likelihood(found: Mapping[str, Any]) -> list[str]:
    """Gains over the original prompt, and of the rewrite over each control."""
    rows = [
        [name, _paired(gain), _paired(found["rewrite minus control"].get(name))]
        for name, gain in found["gains"].items()
    ]
    base = _share(found["original prefers good"])
    return [
        "## Preference likelihood",
        "",
        f"{found['rewritten']} of {found['triples']} triples were rewritten; language model: {found['model']}.",
        f"Under the original prompt the good answer is likelier a token in {base}.",
        "",
        *_table(["prompt", "margin minus the original's, nats", "rewrite minus this"], rows),
        "",
        *(f"* {caveat}" for caveat in found["caveats"]),
    ]


def _tasks(found: Mapping[str, Any]) -> list[str]:
    """Accuracies for every rewriter, and the tasks that turned."""
    rows = [
        [f"{mode}, {group}", str(one["original"]["n"]), str(one["rewritten"]),
         _share(one["original"]), _share(one["sent"]), _paired(one["difference"]), "{} / {}".format(*one["cut"])]
        for mode, some in found["modes"].items() for group, one in some["groups"].items()
    ]  # fmt: skip
    names = ["rewriter, tasks", "n", "rewritten", "original right", "sent right", "difference", "answers cut short"]
    lines = ["## Tasks with exactly checkable answers", "", f"Target: {found['target']}, greedy.", ""]
    lines += [*_table(names, rows), ""]
    lines.append(f"What the gate is worth, gate minus no gate: {_paired(found['gate minus no gate'])}.")
    for mode, some in found["modes"].items():
        lines += ["", f"{mode}: {_counts(some['reasons'])}."]
        turned = [(which, task) for which in ("broken", "mended") for task in some[which]]
        lines += [f"* {which}: {task}, sent {some['tasks'][task]['sent']!r}" for which, task in turned]
    return lines


_SECTIONS = {"health": _health, "likelihood": _likelihood, "tasks": _tasks}


def _share(one: Mapping[str, Any]) -> str:
    """Such as `45 of 60, 75.0% [62.8, 84.2]`."""
    if not one["n"]:
        return "-"
    low, high = (100 * end for end in one["interval"])
    return f"{one['count']} of {one['n']}, {100 * one['share']:.1f}% [{low:.1f}, {high:.1f}]"


def _paired(one: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Such as `-0.020 [-0.050, +0.010], +2 -5, p 0.45`."""
    if not one or not one["n"]:
        return "-"
    low, high = one["interval"]
    ends = f"[{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{one['mean']:+.{digits}f} {ends}, +{one['gained']} -{one['lost']}, p {one['p']:.2g}"


def _spread(one: Mapping[str, Any]) -> str:
    """Median and 90th percentile."""
    return f"median {one['median']:.2f}, p90 {one['p90']:.2f}" if one["n"] else "-"


def _number(value: float | None) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.3g}"


def _counts(counts: Mapping[str, int]) -> str:
    """Such as `rewritten 50, unchanged 10`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A markdown table."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]
