"""Preference data for the gain: a prompt, the answer that was preferred, and the one that was not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.sources.read import find_files, read_rows
from training.data.types import Reject
from training.gain.scorer import Scores


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt with its two answers."""

    id: str
    source: str
    prompt: str
    """As the user would send it, with its context."""
    chosen: str
    rejected: str
    reference: str = ""
    """Somebody's optimized prompt, to compare with; never shown to a generator."""


def read_items(path: Path) -> list[Item]:
    """Read a file of rows: JSONL, a JSON list, or a table of preferences from `training.data`.

    A row has `prompt`, or `instruction` and `context`; `chosen` and `rejected`, or good_res and bad_res; and if
    you have them `id`, `source` and, as a reference, `optimized_prompt`.

    Raises:
        ValueError: If there is no such file, or a row lacks something; names it.
    """
    rows = read_rows(find_files(path, ()))
    return [_item(row, path.name.partition(".")[0], number) for number, row in enumerate(rows, start=1)]


def usable(items: Sequence[Item], scorer: Scores) -> tuple[list[Item], list[Reject]]:
    """Items that can be scored, and why each other one cannot."""
    kept, rejects, seen = [], [], set()
    for item in items:
        reason = "duplicate_id" if item.id in seen else _reason(item, scorer)
        seen.add(item.id)
        if reason:
            rejects.append(Reject(item.id, item.source, "gain", reason))
        else:
            kept.append(item)
    return kept, rejects


def _reason(item: Item, scorer: Scores) -> str:
    """Why an item cannot be used, or ""."""
    if item.chosen.strip() == item.rejected.strip():
        return "equal_answers"
    if not item.prompt.strip():
        return "empty_prompt"
    return scorer.problem(item.prompt, item.chosen, item.rejected)


def _item(row: Mapping[str, Any], file: str, number: int) -> Item:
    """One row as an item; what it does not say is named after the file."""
    place = f"{file}, row {number}"
    prompt, context = _text(row, ("prompt", "instruction"), place), row.get("context")
    return Item(
        id=str(row.get("id", f"{file}/{number}")),
        source=str(row.get("source", file)),
        prompt=f"{prompt}\n\n{context}" if context else prompt,
        chosen=_text(row, ("chosen", "good_res"), place),
        rejected=_text(row, ("rejected", "bad_res"), place),
        reference=str(row.get("optimized_prompt") or ""),
    )


def _text(row: Mapping[str, Any], names: Sequence[str], place: str) -> str:
    """The first of some fields that is there."""
    found = next((row[name] for name in names if name in row), None)
    if not isinstance(found, str):
        raise ValueError(f"{place}: needs {' or '.join(names)} as text; got {', '.join(row)}")
    return found
