"""The report's figures as inline SVG: lines and boxes that stretch with the page, their numbers in HTML beside them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

REACHES = (10, 20, 30, 40, 50, 75, 100)
"""Where an axis may end, in points; never nearer, so that nothing looks large."""


def reach(numbers: Sequence[float]) -> int:
    """Half the width of an axis that is symmetric about 0 and shows all numbers."""
    return next((one for one in REACHES if one >= max(map(abs, numbers))), REACHES[-1])


def axis(widest: int) -> str:
    """What the axis says: both ends and the middle."""
    return f'<span class="axis"><span>-{widest}</span><span>0</span><span>+{widest}</span></span>'


def plot(name: str, effect: Mapping[str, Any], widest: int, worth: float | None) -> str:
    """One interval with its point."""
    low, high, dwr = (float(effect[key]) for key in ("low", "high", "dwr"))
    wanted = "" if worth is None else _line("worth", worth, worth, -5, 5)
    label = f"{name}: {dwr:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}"
    return (
        f'<svg class="plot" viewBox="{-widest} -5 {2 * widest} 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{_line("zero", 0, 0, -5, 5)}{wanted}'
        f"{_line('interval', low, high, 0, 0)}{_line('point', dwr, dwr, -3, 3)}</svg>"
    )


def shares(counts: Mapping[str, int]) -> str:
    """One bar of all prompts, cut by what became of them."""
    total, at, boxes = sum(counts.values()), 0, []
    for name, count in counts.items():
        boxes.append(f'<rect class="{escape(name)}" x="{at}" y="0" width="{count}" height="1"/>')
        at += count
    label = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return (
        f'<svg class="shares" viewBox="0 0 {total} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{"".join(boxes)}</svg>'
    )


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}" x2="{x2:.2f}" y1="{y1}" y2="{y2}"/>'
