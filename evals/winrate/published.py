"""The paper's published win rates (Tables 3 to 12), recomputed from their cells, with the cells that cannot be.

Source: Cheng et al., ACL 2024, arXiv 2311.04155. Facts and figures, in published.csv.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

FILE = Path(__file__).with_name("published.csv")
COUNTS = {"vicuna": 80, "self_instruct": 252, "dolly": 200, "bpo_test": 200}
"""Items of each set, as the paper says."""
ROUNDING = 0.06
"""Percentages are printed with one digit; a share and a mean may be off by a little more than half of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Shares of one set in per cent; without ties where the judge could give none."""

    set: str
    a_win: float
    tie: float | None
    b_win: float

    @property
    def dwr(self) -> float:
        """Delta win rate in points."""
        return self.a_win - self.b_win

    @property
    def variance(self) -> float:
        """Squared standard error of dwr in points, if every item of the set was judged once."""
        return (100 * (self.a_win + self.b_win) - self.dwr**2) / COUNTS[self.set]

    @property
    def impossible(self) -> str:
        """Why no verdicts on all items give these shares; empty if some do."""
        shares = [self.a_win, self.tie or 0.0, self.b_win]
        if abs(sum(shares) - 100) > 0.2:
            return f"sums to {sum(shares):.1f}"
        count = COUNTS[self.set]
        far = [share for share in shares if _distance(share, count) > ROUNDING]
        return f"no count of {count} gives {', '.join(f'{share:.1f}' for share in far)}" if far else ""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a table."""

    judge: str
    table: int
    base: str
    a: str
    b: str
    cells: tuple[Cell, ...]
    printed: float
    """The paper's delta win rate, averaged over the four sets."""

    @property
    def macro(self) -> float:
        """The same, from the cells."""
        return fmean(cell.dwr for cell in self.cells)

    @property
    def micro(self) -> float:
        """With every item alike, at the nominal numbers of items."""
        weights = [COUNTS[cell.set] for cell in self.cells]
        return sum(cell.dwr * weight for cell, weight in zip(self.cells, weights, strict=True)) / sum(weights)

    @property
    def se(self) -> float:
        """Standard error of the macro mean, in points."""
        return math.sqrt(sum(cell.variance for cell in self.cells)) / len(self.cells)


@dataclass(frozen=True, slots=True)
class Cited:
    """A delta win rate of the paper, in points."""

    dwr: float
    se: float
    """Standard error, from the shares; the paper gives none."""

    def compare(self, dwr: float, se: float) -> tuple[float, float, float]:
        """Ours minus the paper's, with the limits of its 95% interval from both standard errors."""
        difference, half = dwr - self.dwr, 1.96 * math.hypot(se, self.se)
        return difference, difference - half, difference + half


def read_published(file: Path = FILE) -> list[Published]:
    """All rows, in the paper's order."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            found.setdefault(tuple(line[name] for name in ("judge", "table", "base", "a", "b")), []).append(line)
    return [_row(lines) for lines in found.values()]


def cited(experiment: str) -> dict[str, Cited]:
    """The paper's delta win rates of a table, by the row names of experiments.toml (GPT-4 as the judge)."""
    rows = [row for row in read_published() if f"table{row.table}" == experiment]
    return {_name(row): Cited(row.printed, row.se) for row in rows}


def render_against_paper(rows: Sequence[Published] | None = None) -> str:
    """Markdown: every row recomputed, and every cell that cannot be."""
    rows = read_published() if rows is None else rows
    lines = [
        "| table | judge | base | A | B | printed | macro | micro | impossible cells |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        odd = "; ".join(f"{cell.set}: {cell.impossible}" for cell in row.cells if cell.impossible)
        lines.append(
            f"| {row.table} | {row.judge} | {row.base} | {row.a} | {row.b} | {row.printed:+.1f} | {row.macro:+.2f} "
            f"| {row.micro:+.2f} | {odd or '-'} |"
        )
    agree = sum(abs(row.macro - row.printed) <= ROUNDING for row in rows)
    cells = sum(bool(cell.impossible) for row in rows for cell in row.cells)
    lines += ["", f"{agree} of {len(rows)} printed means agree with their cells; {cells} cells cannot be."]
    return "\n".join(lines)


def _row(lines: Sequence[dict[str, str]]) -> Published:
    cells = tuple(
        Cell(line["set"], float(line["a_win"]), float(line["tie"]) if line["tie"] else None, float(line["b_win"]))
        for line in lines
    )
    first = lines[0]
    names = (first["judge"], int(first["table"]), first["base"], first["a"], first["b"])
    return Published(*names, cells=cells, printed=float(first["dwr"]))


def _name(row: Published) -> str:
    """What experiments.toml calls the row."""
    if row.table == 3:
        return row.base
    return f"{row.a} vs {row.b}" if row.table == 7 else f"{row.base} {row.a} vs {row.b}"


def _distance(share: float, count: int) -> float:
    """Points between a share and the nearest that whole items give."""
    return abs(share - 100 * round(share * count / 100) / count)
