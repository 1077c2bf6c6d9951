"""Figures of a run as SVG text that needs no network: shares as in figure 1 of the paper, and a forest plot."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bpo_model.compare.stats import Summary
from evals.winrate.published import Cited

LEAST = 5.0
"""Points on either side of 0 that are always shown, so that nothing looks large."""
A, TIE, B, PAPER = "#2b6cb0", "#cbd5e0", "#c05621", "#718096"


def shares(summaries: Sequence[Summary]) -> str:
    """Wins of arm a, ties and wins of arm b, one bar a comparison."""
    figure, axes = _axes(len(summaries))
    for place, summary in enumerate(summaries):
        left = 0.0
        for value, color in zip(_shares(summary), (A, TIE, B), strict=True):
            axes.barh(place, value, left=left, color=color)
            if value >= 6:
                axes.text(
                    left + value / 2,
                    place,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="black" if color == TIE else "white",
                )
            left += value
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of items: A wins, tie, B wins (mean over the sets)")
    return _svg(figure, axes, summaries)


def forest(summaries: Sequence[Summary], published: Mapping[str, Cited]) -> str:
    """Delta win rates with intervals: as judged, length-controlled, and as published."""
    figure, axes = _axes(len(summaries))
    axes.axvline(0, color="#a0aec0", linewidth=1)
    for place, summary in enumerate(summaries):
        _point(axes, summary.items.macro, place - 0.12, A, "o")
        if summary.lc_macro:
            _point(axes, summary.lc_macro, place + 0.12, B, "s")
        if summary.row in published:
            axes.plot(published[summary.row].dwr, place, "x", color=PAPER)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -LEAST), max(high, LEAST))
    axes.set_xlabel("points, 95%; blue: as judged, orange: length-controlled, cross: paper")
    return _svg(figure, axes, summaries)


def iterations(points: Sequence[tuple[int, Any]]) -> str:
    """Delta win rate by iteration, as in the paper's figure 3; points of (iteration, Estimate)."""
    figure, axes = _axes(5)
    numbers = [number for number, _ in points]
    middle = [found.dwr for _, found in points]
    axes.plot(numbers, middle, "o-", color=A)
    axes.fill_between(numbers, [found.low for _, found in points], [found.high for _, found in points], alpha=0.2)
    axes.axhline(0, color="#a0aec0", linewidth=1)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -LEAST), max(high, LEAST))
    axes.set_xticks(numbers)
    axes.set_xlabel("iterations")
    axes.set_ylabel("delta win rate")
    return _write(figure)


def _shares(summary: Summary) -> tuple[float, float, float]:
    macro = summary.items.macro
    return macro.a, macro.tie, macro.b


def _point(axes: Any, found: Any, place: float, color: str, marker: str) -> None:
    axes.plot([found.low, found.high], [place, place], color=color, linewidth=2)
    axes.plot(found.dwr, place, marker, color=color)


def _axes(rows: int) -> tuple[Any, Any]:
    """No window and no global state: a figure of its own."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.45 * rows), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()


def _svg(figure: Any, axes: Any, summaries: Sequence[Summary]) -> str:
    """With the comparisons' names, the first on top."""
    axes.set_yticks(range(len(summaries)), [f"{summary.row} ({summary.judge})" for summary in summaries])
    axes.set_ylim(len(summaries) - 0.5, -0.5)
    return _write(figure)


def _write(figure: Any) -> str:
    """The svg element alone: no XML header, no date, the same bytes for the same data."""
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context({"svg.hashsalt": "bpo", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
