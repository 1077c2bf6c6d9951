"""One HTML file with everything in it: opens offline, and shows prompts and answers as data."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a202c; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; display: block; overflow-x: auto; }
th, td { border: 1px solid #e2e8f0; padding: .25rem .5rem; text-align: left; white-space: nowrap; }
th { background: #f7fafc; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f7fafc; padding: .5rem; font-size: 13px; margin: 0; }
svg { max-width: 100%; height: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .5rem; }
.note { color: #4a5568; }
"""


def to_html(
    title: str, warnings: str, markdown: str, figures: Mapping[str, str], examples: Sequence[Mapping[str, Any]]
) -> str:
    """A page: what a reader must know first, SVG figures by caption, the report's Markdown, judged pairs to read."""
    drawn = "".join(f"<h2>{escape(caption)}</h2>{svg}" for caption, svg in figures.items())
    read = "".join(map(_example, examples))
    pairs = f"<h2>Disagreements to read</h2>{read}" if read else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"{_blocks(warnings)}{drawn}{_blocks(markdown)}{pairs}</body></html>"
    )


def _blocks(markdown: str) -> str:
    """Headings, tables, lists and paragraphs: all that our own reports use."""
    return "".join(_block(block.strip()) for block in markdown.split("\n\n") if block.strip())


def _block(block: str) -> str:
    """One block; everything in it is text."""
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        return f"<h{level}>{escape(block.lstrip('# '))}</h{level}>"
    if block.startswith("|"):
        head, _, *rows = [_cells(line) for line in block.splitlines()]
        lines = [_row(head, "th"), *(_row(row, "td") for row in rows)]
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
    if block.startswith("* "):
        return f"<ul>{''.join(f'<li>{escape(line[2:])}</li>' for line in block.splitlines())}</ul>"
    return f"<p>{escape(block)}</p>"


def _cells(line: str) -> list[str]:
    """Cells of a line of a table; an escaped bar is text."""
    return [cell.strip().replace("\0", "|") for cell in line.replace("\\|", "\0").strip("|").split("|")]


def _row(cells: Sequence[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)


def _example(example: Mapping[str, Any]) -> str:
    """A judged pair: both prompts, both answers, what the judge said in each order."""
    fields = ("prompt a", "prompt b", "answer a", "answer b", "judge, a first", "judge, b first")
    boxes = "".join(
        f"<div><b>{escape(name)}</b><pre>{escape(str(example[name]))}</pre></div>" for name in fields if name in example
    )
    title = f"{example.get('item', '')}, {example.get('row', '')}, {example.get('judge', '')}"
    return f'<details><summary>{escape(title)}</summary><div class="pair">{boxes}</div></details>'
