"""Read (prompt, optimized prompt) pairs and turn them into rows for the trainer.

A row is what the optimizer meets at run time: the instruction alone, since the context
of a prompt is split off before the model sees it and put back untouched. A pair whose
optimized prompt changed the context would teach damage, and one that the contract refuses
would teach what is thrown away at run time; both are left out and counted.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model.contract import verify
from bpo_model.split import split

REQUIRED = ("id", "source", "prompt", "optimized_prompt")


@dataclass(frozen=True, slots=True)
class Row:
    """One training example: instruction in, optimized instruction out."""

    id: str
    source: str
    instruction: str
    optimized: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are kept, and why each other pair was not."""

    kept: list[Row]
    rejected: dict[str, str]
    """Pair id -> reason."""

    def counts(self) -> dict[str, int]:
        """Number of kept rows and of rejected ones by reason."""
        return {"kept": len(self.kept), **dict(sorted(Counter(self.rejected.values()).items()))}


def read_pairs(path: Path) -> list[dict[str, Any]]:
    """Read a JSONL file of pairs.

    Raises:
        ValueError: If a line is not a JSON object with the required keys; names the line.
    """
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            pair = json.loads(line)
            missing = [key for key in REQUIRED if not isinstance(pair[key], str)]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}:{number}: not a pair ({error!r}). Each line needs {', '.join(REQUIRED)}."
            ) from None
        if missing:
            raise ValueError(f"{path}:{number}: {', '.join(missing)} must be text.")
        pairs.append(pair)
    return pairs


def make_rows(pairs: Iterable[dict[str, Any]], exclude_sources: Iterable[str] = (), *, verified: bool = False) -> Rows:
    """Split every pair; keep those whose context survived, and with `verified` only what passes the contract."""
    excluded, kept, rejected = set(exclude_sources), [], {}
    for pair in pairs:
        row, reason = _to_row(pair, excluded, verified)
        if row:
            kept.append(row)
        else:
            rejected[pair["id"]] = reason
    return Rows(kept, rejected)


def _to_row(pair: dict[str, Any], excluded: set[str], verified: bool) -> tuple[Row | None, str]:
    """(row, "") or (None, reason)."""
    if pair["source"] in excluded:
        return None, "excluded_source"
    parts, optimized = split(pair["prompt"]), pair["optimized_prompt"]
    if not parts.clear:
        return None, "unclear_instruction"
    inner = optimized[len(parts.before) : len(optimized) - len(parts.after)]
    if not inner.strip() or parts.put_back(inner) != optimized:
        return None, "context_changed"
    violations = verify(parts.instruction, inner, after=parts.after) if verified else ()
    if violations:
        return None, f"contract:{violations[0].check}"
    return Row(pair["id"], pair["source"], parts.instruction, inner), ""
