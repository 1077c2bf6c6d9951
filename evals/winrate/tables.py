"""The numbers of a run as tables: Markdown for people, CSV for spreadsheets, JSON for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bpo_model.compare.estimate import Estimate
from bpo_model.compare.power import more_needed
from bpo_model.compare.stats import Summary, holm
from evals.winrate.published import Cited

Published = Mapping[str, Cited]
"""The paper's delta win rates by row name."""
CSV_COLUMNS = ("experiment", "row", "judge", "set", "n", "a_win", "tie", "b_win", "dwr", "low", "high", "p")


def to_markdown(summaries: Sequence[Summary], published: Published) -> str:
    """Results, what stands behind them, and what the judge's habits are."""
    return "\n\n".join(
        [_results(summaries, published), _per_set(summaries), _robustness(summaries), _habits(summaries)]
    )


def to_csv(summaries: Sequence[Summary]) -> str:
    """One line a comparison and set, macro and micro included."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for summary in summaries:
        for name, item in [*summary.items.sets.items(), ("macro", summary.items.macro), ("micro", summary.items.micro)]:
            numbers = (item.a, item.tie, item.b, item.dwr, item.low, item.high)
            where = (summary.experiment, summary.row, summary.judge, name, item.n)
            writer.writerow([*where, *(f"{number:.2f}" for number in numbers), f"{item.p:.4g}"])
    return out.getvalue()


def to_json(summaries: Sequence[Summary], published: Published) -> list[dict[str, Any]]:
    """Everything that was computed, with Holm's p values over the rows of each judge."""
    adjusted = _adjusted(summaries)
    return [
        {**asdict(summary), "p_holm": p, "paper": _against(summary, published)}
        for summary, p in zip(summaries, adjusted, strict=True)
    ]


def interval(item: Any) -> str:
    """A difference with its interval, as everywhere in the report."""
    return f"{item.dwr:+.1f} ({item.low:+.1f} to {item.high:+.1f})"


def _results(summaries: Sequence[Summary], published: Published) -> str:
    head = ["row", "judge", "n", "A / tie / B %", "delta win rate (95%)", "p (Holm)", "length-controlled", "paper",
            "ours minus the paper's"]  # fmt: skip
    rows = []
    for summary, p in zip(summaries, _adjusted(summaries), strict=True):
        macro = summary.items.macro
        shares = f"{macro.a:.1f} / {macro.tie:.1f} / {macro.b:.1f}"
        controlled = interval(summary.lc_macro) if summary.lc_macro else "-"
        if summary.lc_macro and summary.lc_macro.extrapolates:
            controlled += " extrapolated"
        paper = _in_words(_against(summary, published))
        rows.append([summary.row, summary.judge, macro.n, shares, interval(macro), f"{p:.3g}", controlled, *paper])
    return "## Delta win rate, mean over the sets\n\n" + _table(head, rows)


def _against(summary: Summary, published: Published) -> dict[str, float] | None:
    """The paper's number and our difference to it; None where the paper has none."""
    paper, macro = published.get(summary.row), summary.items.macro
    if paper is None:
        return None
    difference, low, high = paper.compare(macro.dwr, macro.se)
    return {"dwr": paper.dwr, "se": paper.se, "difference": difference, "low": low, "high": high}


def _in_words(against: Mapping[str, float] | None) -> tuple[str, str]:
    """The paper's number, and whether ours differs; never "reproduced", which no interval can say."""
    if against is None:
        return "-", "-"
    low, high = against["low"], against["high"]
    word = "consistent" if low <= 0 <= high else "different"
    return f"{against['dwr']:+.1f}", f"{against['difference']:+.1f} ({low:+.1f} to {high:+.1f}), {word}"


def _per_set(summaries: Sequence[Summary]) -> str:
    head = ["row", "judge", "set", "n", "A / tie / B %", "delta win rate (95%)", "sign test p"]
    rows = [
        [summary.row, summary.judge, name, item.n, f"{item.a:.1f} / {item.tie:.1f} / {item.b:.1f}", interval(item),
         f"{item.sign_p:.3g}"]
        for summary in summaries for name, item in [*summary.items.sets.items(), ("micro", summary.items.micro)]
    ]  # fmt: skip
    return "## Each set, and all items alike (micro)\n\n" + _table(head, rows)


def _robustness(summaries: Sequence[Summary]) -> str:
    head = ["row", "judge", "both orders agree", "changed prompts only", "bounds for invalid verdicts", "verdict"]
    rows = []
    for summary in summaries:
        views = [interval(found.macro) if found else "-" for found in (summary.conservative, summary.changed)]
        low, high = summary.bounds
        rows.append([summary.row, summary.judge, *views, f"{low:+.1f} to {high:+.1f}", _verdict(summary)])
    return "## The same, seen more strictly\n\n" + _table(head, rows)


def _verdict(summary: Summary) -> str:
    """In words, with what is missing."""
    macro = summary.items.macro
    if macro.low > 0 or macro.high < 0:
        word = "A wins" if macro.dwr > 0 else "B wins"
        return f"{word}, but length explains it" if summary.length_explains else word
    more = more_needed(macro.n, macro.dwr, macro.sd)
    return "no difference seen" if more is None else f"undecided; about {more:,} more prompts"


def _habits(summaries: Sequence[Summary]) -> str:
    head = ["row", "judge", "first position %", "flips %", "ties %", "invalid", "errors", "unjudged", "identical",
            "unchanged prompts %", "length A / B"]  # fmt: skip
    rows = []
    for summary in summaries:
        found = summary.diagnostics
        shares = ["-" if value is None else f"{value:.1f}" for value in (found.first_position, found.flips, found.ties)]
        counts = [found.invalid, found.errors, found.unjudged, found.identical]
        rows.append(
            [summary.row, summary.judge, *shares, *counts, f"{found.unchanged:.1f}", f"{found.length_ratio:.2f}"]
        )
    return "## The judge's habits, and what is missing\n\n" + _table(head, rows)


def _adjusted(summaries: Sequence[Summary]) -> list[float]:
    """Holm's p values over the rows that one judge saw in one experiment."""
    adjusted = [0.0] * len(summaries)
    for family in {(summary.experiment, summary.judge) for summary in summaries}:
        members = [i for i, summary in enumerate(summaries) if (summary.experiment, summary.judge) == family]
        for index, p in zip(members, holm([_p(summaries[i].items.macro) for i in members]), strict=True):
            adjusted[index] = p
    return adjusted


def _p(item: Estimate) -> float:
    return item.p


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; a bar in a cell would end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
