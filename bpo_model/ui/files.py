"""Files of prompts that people upload: text, CSV and JSONL, brought to the JSONL that `bpo optimize --file` reads."""

import csv
import io
import json
from collections.abc import Iterator

from bpo_model.errors import PromptError

KINDS = ("txt", "jsonl", "csv")
COLUMNS = ("prompt", "text", "instruction")
"""Headings that name the prompts of a CSV file, in this order; without one the first column has to be the only one."""


def to_jsonl(name: str, text: str) -> bytes:
    """The prompts of a file, one JSON line each; lines of JSONL stay as they are, since errors belong to their line.

    Raises:
        PromptError: If the kind is unknown, a CSV file has no column of prompts, or there is no prompt.
    """
    kind = name.rpartition(".")[2].lower()
    if kind not in KINDS:
        raise PromptError(f"{name!r} is none of {', '.join(KINDS)}")
    text = text.removeprefix("\ufeff")
    if kind == "jsonl":
        lines = [line.strip() for line in text.split("\n") if line.strip()]
    elif kind == "csv":
        lines = [json.dumps(prompt) for prompt in _column(text)]
    else:
        lines = [json.dumps(line.rstrip("\r")) for line in text.split("\n") if line.strip()]
    if not lines:
        raise PromptError(f"there is no prompt in {name!r}")
    return "\n".join(lines).encode("utf-8", "backslashreplace") + b"\n"


def _column(text: str) -> Iterator[str]:
    """The prompts of a CSV file, without empty ones."""
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise PromptError(f"this is not CSV: {error}") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    named = [name for name in COLUMNS if name in head]
    if not named and len(head) != 1:
        raise PromptError(f"a CSV file needs a column named prompt, got {', '.join(head[:8]) or 'nothing'}")
    at = head.index(named[0]) if named else 0
    for row in rows[bool(named) :]:
        if len(row) > at and row[at].strip():
            yield row[at]
