"""The violating texts to read: one HTML file that opens offline and shows prompts as data."""

from collections.abc import Mapping
from html import escape
from typing import Any

from evals.torture.leaderboard import visible
from evals.winrate.page import STYLE


def to_html(report: Mapping[str, Any]) -> str:
    """Every violation of every rewriter: what was broken, the prompt, the rewrite."""
    sections = "".join(map(_section, report["rewriters"]))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Torture suite</title><style>{STYLE}</style></head><body><h1>Torture suite: violations</h1>"
        f"{sections}</body></html>\n"
    )


def _section(one: Mapping[str, Any]) -> str:
    """One rewriter."""
    head = f"{one['name']}: {len(one['violations'])} of {one['total']['cases']} cases"
    return f"<h2>{_text(head)}</h2>{''.join(map(_violation, one['violations']))}"


def _violation(found: Mapping[str, Any]) -> str:
    """One case, folded."""
    broken = "".join(f"<li>{_text(one['check'])}: {_text(one['detail'])}</li>" for one in found["broken"])
    texts = "".join(
        f"<div><b>{name}</b><pre>{_text(found[name])}</pre></div>" for name in ("prompt", "rewrite")
    )  # fmt: skip
    names = ", ".join(one["check"] for one in found["broken"])
    return (
        f"<details><summary>{_text(found['case'])}: {_text(names)}</summary>"
        f'<p class="note">{_text(found["why"])}</p><ul>{broken}</ul><div class="pair">{texts}</div></details>'
    )


def _text(value: object) -> str:
    """Text and nothing but text."""
    return escape(visible(str(value)))
