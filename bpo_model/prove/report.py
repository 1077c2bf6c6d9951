"""report.html: one file with everything in it. It loads nothing, and shows every text as text.

The page forbids itself all but its own style and script, by their digests: even a text that slipped
through as markup could neither run nor call anybody.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bpo_model.prove.decide import points
from bpo_model.prove.pairs import Pair
from bpo_model.prove.pairs_page import pair_html
from bpo_model.prove.plot import axis, plot, reach, shares

STYLE, SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
OUTCOMES = ("won", "lost", "tied", "unchanged", "failed")
BADGES = {"keep": "keep", "off": "off", "need more": "more", "unfit judge": "unfit", "incomplete": "unfit"}
EXPLAINED = (
    "Points: the share of prompts on which the answer to the rewrite wins, less the share on which it loses. "
    "The line is the 95% interval over resampled prompts; dashed: the smallest effect worth having."
)


def to_html(result: Mapping[str, Any], pairs: Sequence[Pair]) -> str:
    """The page of a result (`result.to_result`) and its pairs."""
    policy = f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; base-uri 'none'"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; form-action \'none\'">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>bpo prove: {escape(result['verdict'])}</title><style>{STYLE}</style></head>"
        f"<body>{_head(result)}<main>{_effects(result)}{_outcomes(result)}{_added(result)}{_judge(result)}"
        f"{_pairs(result, pairs)}</main><script>{SCRIPT}</script></body></html>\n"
    )
    return page.encode("utf-8", "replace").decode()  # a lone surrogate of an answer must not cost the report


def _digest(text: str) -> str:
    """A text's digest as a content security policy wants it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _head(result: Mapping[str, Any]) -> str:
    """The verdict; what must be known before it comes first."""
    setup, warnings = result["setup"], "".join(f"<li>{escape(text)}</li>" for text in result["warnings"])
    box = f'<div class="warnings" role="note"><ul>{warnings}</ul></div>' if warnings else ""
    more, word = result["more_prompts"], result["verdict"]
    badge = word if more is None else f"need about {more:,} more"
    where = f"target {setup['target']['name']}, judge {setup['judge']['name']}, {setup['date']}"
    return (
        f'<header>{box}<span class="badge {BADGES[word]}">{escape(badge)}</span>'
        f'<h1>{escape(result["sentence"])}</h1><p class="soft">{escape(where)}</p></header>'
    )


def _effects(result: Mapping[str, Any]) -> str:
    """The plot, which is a table with its numbers."""
    effects, worth = result["effects"], result["smallest_effect_worth_having"]
    if not effects:
        return ""
    widest = reach([number for one in effects.values() for number in (one["low"], one["high"], worth)])
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="wideplot">{_plot(name, one, widest, worth)}</td>'
        f'<td class="number">{points(one["dwr"])} ({points(one["low"])} to {points(one["high"])})</td>'
        f'<td class="n">{one["n"]:,}</td></tr>'
        for name, one in effects.items()
    )
    low, high = result["missing_verdicts_bound"]
    missing = "" if low == high else f" With the missing verdicts: {points(low)} to {points(high)}."
    return (
        '<section><h2>Effect</h2><table class="effects"><thead><tr><th>over</th>'
        f'<th>{axis(widest)}</th><th class="number">points (95%)</th><th class="n">n</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f'<p class="soft">{EXPLAINED}{escape(missing)}</p></section>'
    )


def _plot(name: str, effect: Mapping[str, Any], widest: int, worth: float) -> str:
    """What is worth having is said of all prompts."""
    return plot(name, effect, widest, worth if name.startswith("all") else None)


def _outcomes(result: Mapping[str, Any]) -> str:
    """Figure 1 of the paper, with the prompts that were left alone."""
    counts = {name: result["counts"].get(name, 0) for name in OUTCOMES}
    items = "".join(f'<li class="{name}">{count:,} {name}</li>' for name, count in counts.items() if count)
    return f'<section><h2>Outcomes</h2>{shares(counts)}<ul class="legend">{items}</ul></section>'


def _added(result: Mapping[str, Any]) -> str:
    """Latency and cost."""
    added = result["added"] or {}
    rows = []
    if added.get("rewriting_ms") is not None:
        rows.append(("time to rewrite a prompt (median, one at a time, this machine)",
                     f"{added['rewriting_ms']:,.0f} ms, n = {added['rewriting_n']:,}"))  # fmt: skip
    for name, field, digits, unit in (
        ("tokens that the target reads", "tokens_in", 1, ""), ("tokens that it writes", "tokens_out", 1, ""),
        ("time until its answer is there", "seconds", 2, " s"), ("cost of 1,000 prompts", "usd_per_1000", 3, " USD"),
    ):  # fmt: skip
        one = added.get(field)
        if one:
            low, mean, high = (f"{one[key] + 0.0:+,.{digits}f}" for key in ("low", "mean", "high"))
            rows.append((name, f"{mean}{unit} ({low} to {high}), n = {one['n']:,}"))
    return _facts("What rewriting adds to a call", "Means over all prompts with 95% intervals.", rows)


def _judge(result: Mapping[str, Any]) -> str:
    """The judge's habits, and the calls."""
    found, calls = result["judge"] or {}, result["calls"]
    usd = "unknown" if calls["usd"] is None else f"{calls['usd']:.4f} USD"
    shown = ((name, found.get(key)) for name, key in (
        ("for the answer shown first (50% is fair)", "first_position"),
        ("other winner when the answers swap places", "flips"), ("ties among its verdicts", "ties"),
    ))  # fmt: skip
    rows = [(name, f"{share:.0f}%") for name, share in shown if share is not None]
    rows += [("verdicts that cannot be read", f"{found['invalid']:,}")] if found else []
    rows += [
        ("calls", f"{calls['answers']:,} answers, {calls['judge_replies']:,} replies of the judge"),
        ("tokens", f"{calls['tokens_in']:,} read, {calls['tokens_out']:,} written"),
        ("cost of these calls", usd),
    ]
    rows += [
        (f"{role}'s parameters", json.dumps(result["setup"][role]["params"], ensure_ascii=False))
        for role in ("target", "judge")
    ]
    if calls["dropped_parameters"]:
        rows.append(("parameters that a model did not take", ", ".join(calls["dropped_parameters"])))
    return _facts("The judge and the calls", "", rows)


def _facts(title: str, note: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{escape(text)}</td></tr>' for name, text in rows
    )
    caption = f"<caption>{escape(note)}</caption>" if note else ""
    return f'<section><h2>{escape(title)}</h2><table class="facts">{caption}{lines}</table></section>' if rows else ""


def _pairs(result: Mapping[str, Any], pairs: Sequence[Pair]) -> str:
    """Every pair, and the tools to find one; without scripts all are there, and no tools."""
    counts = {"all": len(pairs), **{name: result["counts"].get(name, 0) for name in OUTCOMES}}
    buttons = "".join(
        f'<button type="button" data-outcome="{name}" aria-pressed="false">{name} {count:,}</button>'
        for name, count in counts.items() if count
    )  # fmt: skip
    order = sorted(pairs, key=lambda pair: (OUTCOMES.index(pair.kind), pair.case.line))
    return (
        f'<section><h2>Pairs</h2><div class="tools" role="search" hidden>{buttons}'
        '<input type="search" aria-label="search all texts" placeholder="search ( / )">'
        f'<span id="shown" class="soft" aria-live="polite"></span></div>{"".join(map(pair_html, order))}</section>'
    )
