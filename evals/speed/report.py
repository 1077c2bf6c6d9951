"""The report as markdown and as a plot."""

from pathlib import Path
from typing import Any


def to_markdown(report: dict[str, Any]) -> str:
    """Tables of everything in the report."""
    lines = [f"Machine: {report['machine']}", "", f"Date: {report['date']}, checkpoint: {report['checkpoint']}", ""]
    lines += _table(report["systems"])
    lines += ["", "Ratios of prompts/s, round by round (median, smallest to largest):", ""]
    lines += _table(report["ratios"])
    lines += ["", "Added by us to one prompt, paired with the bare engine:", ""]
    lines += _table(report["overheads"])
    lines += ["", "Start and limits:", ""]
    lines += _table([{"what": name, "value": value} for name, value in report["limits"].items()])
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """A markdown table; the first row names the columns."""
    if not rows:
        return ["(none)"]
    names = list(rows[0])
    body = ["| " + " | ".join(_cell(row.get(name, "")) for name in names) + " |" for row in rows]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]


def _cell(value: Any) -> str:
    """Ranges read as `a to b`."""
    return " to ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def plot(report: dict[str, Any], path: Path) -> None:
    """Prompts per second of every system by concurrency, with the range over the rounds."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in report["systems"] if row["prompts"] == report["systems"][0]["prompts"]]
    labels = [f"{row['system']}, {row['concurrency']} at once" for row in rows]
    values = [row["prompts_per_s"] for row in rows]
    low = [row["prompts_per_s"] - row["prompts_per_s_range"][0] for row in rows]
    high = [row["prompts_per_s_range"][1] - row["prompts_per_s"] for row in rows]
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(rows) + 1), layout="constrained")
    axes.barh(labels, values, xerr=[low, high], color="#4477aa", ecolor="#222222", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"prompts per second, median and range of {rows[0]['rounds']} rounds")
    figure.savefig(path)
    pyplot.close(figure)
