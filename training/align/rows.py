"""Preferences as TRL's conversational rows, split by prompt, with everything left out counted."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from training.align.arguments import AlignArguments

TEXTS = ("prompt", "chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of `prompt`, `chosen` and `rejected`, each a list of one turn."""

    train: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    """Rows whose prompts are not in `train`."""
    rejected: Counter[str]
    """Left out, by reason."""

    def counts(self) -> dict[str, int]:
        """For the manifest."""
        return {"train": len(self.train), "held_out": len(self.held_out), **dict(sorted(self.rejected.items()))}


def load_rows(args: AlignArguments, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Read and split a file of preferences.

    Raises:
        ValueError: If a row lacks a text, naming it, or nothing is left to train or to measure on.
    """
    train: list[dict[str, Any]] = []
    held_out: list[dict[str, Any]] = []
    rejected: Counter[str] = Counter()
    for number, row in enumerate(_read(args.data), start=1):
        if args.limit and number > args.limit:
            break
        texts = _texts(row, f"{args.data.name}, row {number}")
        reason = _reason(texts, tokenizer, args.max_row_tokens)
        if reason:
            rejected[reason] += 1
        else:
            (held_out if is_held_out(texts["prompt"], args.held_out) else train).append(_turns(texts))
    if not train or not held_out:
        raise ValueError(
            f"{args.data} gives {len(train)} rows to train and {len(held_out)} to measure on, "
            f"left out: {dict(rejected)}; both need some. Change --held_out, --max_row_tokens or the file."
        )
    return Rows(train, held_out, rejected)


def is_held_out(prompt: str, share: float) -> bool:
    """By a hash of the prompt: all answers to one prompt are on the same side, whatever the order of the file."""
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4]) < share * 2**32


def _read(file: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of JSONL or parquet; pairs.parquet and preferences.parquet of training.data fit as they are."""
    if file.suffix == ".parquet":
        import pyarrow.parquet

        yield from pyarrow.parquet.read_table(file).to_pylist()
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _texts(row: Mapping[str, Any], where: str) -> dict[str, str]:
    """The three texts; a prompt may come as instruction and context."""
    found = {"prompt": _prompt(row), **{name: row.get(name) for name in TEXTS[1:]}}
    missing = [name for name, text in found.items() if not isinstance(text, str)]
    if missing:
        raise ValueError(f"{where}: {', '.join(missing)} must be text, got {sorted(row)}")
    return {name: str(text) for name, text in found.items()}


def _prompt(row: Mapping[str, Any]) -> Any:
    if "prompt" in row or "instruction" not in row:
        return row.get("prompt")
    return "\n".join(part for part in (row["instruction"], row.get("context")) if part)


def _reason(texts: Mapping[str, str], tokenizer: PreTrainedTokenizerBase, most: int) -> str:
    """Why a row is left out, or ""."""
    if not all(text.strip() for text in texts.values()):
        return "empty"
    if texts["chosen"].strip() == texts["rejected"].strip():
        return "same_answers"
    longest = max(texts["chosen"], texts["rejected"], key=len)
    turns = [{"role": "user", "content": texts["prompt"]}, {"role": "assistant", "content": longest}]
    tokens = len(tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False))
    return "too_long" if tokens > most else ""


def _turns(texts: Mapping[str, str]) -> dict[str, Any]:
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    return {name: [{"role": role, "content": texts[name]}] for name, role in roles.items()}
