"""Instruction data: prompts with the answers that a model would be trained on.

Four forms of rows, in JSON, JSON Lines (also .gz) or parquet:

* Alpaca's: `instruction`, `input` and `output`;
* the seed tasks of Alpaca and Self-Instruct: `instruction` and `instances`, a list of `input` and `output`;
* chat: `messages`, one turn of the user and one of the assistant;
* plain: `prompt` and `response`.

A prompt is what a user would send: the instruction and, on the next line, its input. Reasons for leaving a row out:
malformed, system_message, multi_turn, empty_prompt, empty_answer, duplicate_id.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from training.data.sources.fields import Row, content_id, left_out, malformed, text, turns
from training.data.sources.read import find_files, read_rows
from training.data.teaching.request import stable_hash
from training.data.types import Reject

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.json", "*.parquet")
_SOURCE = "data"
_NO_INPUT = {"<noinput>", "<no input>", "no input", "none", "n/a"}
"""What stands in Alpaca where there is none."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row that a model can be trained on."""

    id: str
    """The row's own, or a digest of its content."""
    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Examples:
    """A data set, sorted by id, with everything that was left out."""

    kept: tuple[Example, ...]
    rejects: tuple[Reject, ...]
    not_drawn: int
    """Usable rows outside of the sample."""


_Item: TypeAlias = Example | Reject


def read_examples(path: Path, sample: int | None = None, seed: int = 0) -> Examples:
    """All usable rows of a file or folder, or a random sample of them; their order in the file does not matter.

    Raises:
        ValueError: If there is nothing at the path, it is damaged, or no row is usable.
    """
    items = [item for row in read_rows(find_files(path, PATTERNS)) for item in _items(row)]
    kept, rejects = _unique(items)
    if not kept:
        raise ValueError(
            f"{path} gives no example, left out: {len(rejects)}. A row needs instruction and output, "
            "instruction and instances, messages, or prompt and response."
        )
    drawn = sorted(kept, key=lambda one: stable_hash(f"{seed} {one.id}", 2**62))[:sample]
    order = sorted(drawn, key=lambda one: one.id)
    return Examples(tuple(order), tuple(rejects), len(kept) - len(drawn))


def _items(row: Row) -> Iterator[_Item]:
    """The examples of a row: one, or as many as a seed task has instances."""
    if isinstance(row.get("instances"), list):
        instances = row["instances"]
        for number, instance in enumerate(instances):
            whole = {**row, **instance} if isinstance(instance, dict) else {}
            yield _item(whole, f"/{number}" if len(instances) > 1 else "")
        if not instances:
            yield malformed(_SOURCE, row, "a task without instances")
    else:
        yield _item(row, "")


def _item(row: Row, suffix: str) -> _Item:
    """The example of a row in one of the flat forms."""
    prompt, response, reason = _texts(row)
    if prompt is None or response is None:
        return malformed(_SOURCE, row, "needs instruction and output (and input), messages, or prompt and response")
    prompt, response = prompt.strip(), response.strip()
    row_id = f"{_own_id(row) or content_id(prompt, response)}{suffix}"
    reason = reason or ("" if prompt else "empty_prompt") or ("" if response else "empty_answer")
    return left_out(_SOURCE, row_id, reason) if reason else Example(row_id, prompt, response)


def _texts(row: Row) -> tuple[str | None, str | None, str]:
    """Prompt, response, and why they cannot be used."""
    if "instruction" in row:
        return _joined(row), text(row, "output"), ""
    if "messages" not in row:
        return text(row, "prompt"), text(row, "response"), ""
    found = turns(row["messages"])
    if not found:
        return None, None, ""
    roles = [role for role, _ in found]
    reason = "" if roles == ["user", "assistant"] else "system_message" if "system" in roles else "multi_turn"
    return found[0][1], found[-1][1], reason


def _joined(row: Row) -> str | None:
    """Instruction and input as one prompt."""
    instruction, context = text(row, "instruction"), text({**row, "input": row.get("input") or ""}, "input")
    if instruction is None or context is None:
        return None
    if not instruction.strip():
        return ""
    return instruction if context.strip().casefold() in {"", *_NO_INPUT} else f"{instruction.strip()}\n{context}"


def _own_id(row: Row) -> str:
    """The row's own id, which may be a number."""
    own = row.get("id")
    return str(own) if isinstance(own, int) and not isinstance(own, bool) else text(row, "id") or ""


def _unique(items: Iterable[_Item]) -> tuple[list[Example], list[Reject]]:
    """Of examples with the same id the first by content, so that the order of the rows does not decide."""
    rejects, kept = list[Reject](), dict[str, Example]()
    for item in sorted(items, key=lambda one: (one.id, getattr(one, "prompt", ""), getattr(one, "response", ""))):
        if isinstance(item, Reject):
            rejects.append(item)
        elif item.id in kept:
            detail = "the same row again" if item == kept[item.id] else "another row with the same id"
            rejects.append(left_out(_SOURCE, item.id, "duplicate_id", detail))
        else:
            kept[item.id] = item
    return list(kept.values()), rejects
