"""The rows of a build for TRL: the same prompts in every arm, some of them held out to be measured on."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from training.align.arguments import AlignArguments
from training.align.rows import is_held_out
from training.augment.arms import CONTROL, ORIGINAL, RECONSTRUCTED
from training.data.teaching.request import stable_hash
from training.data.verify import verify
from training.encode import encode


@dataclass(frozen=True, slots=True)
class Rows:
    """Conversational rows of `prompt` and `completion`, one turn each."""

    train: list[dict[str, Any]]
    """Of the file that is trained on."""
    held_out: dict[str, list[dict[str, Any]]]
    """By arm; of the same prompts in all of them, and none of them in `train`."""
    rejected: Counter[str]
    """Left out of every arm, by reason."""

    def counts(self) -> dict[str, int]:
        """For the manifest."""
        held_out = len(next(iter(self.held_out.values())))
        return {"train": len(self.train), "held_out": held_out, **dict(sorted(self.rejected.items()))}


def load_rows(args: AlignArguments, tokenizer: PreTrainedTokenizerBase, seed: int) -> Rows:
    """Read and split a build.

    What one arm cannot use is left out of all, so that runs on two arms differ in their answers only.

    Raises:
        ValueError: If the folder is not what its manifest says, or nothing is left to train or to measure on.
    """
    arms = _read(args.data)
    reasons = {id: _reason(id, arms, tokenizer, args.max_row_tokens) for id in arms[args.data.stem]}
    usable = sorted(
        (id for id, reason in reasons.items() if not reason), key=lambda id: stable_hash(f"{seed} {id}", 2**62)
    )
    prompts = {id: row["prompt"] for id, row in arms[args.data.stem].items()}
    measured = [id for id in usable if is_held_out(prompts[id], args.held_out)]
    taught = [id for id in usable if not is_held_out(prompts[id], args.held_out)][: args.limit or None]
    rejected = Counter(reason for reason in reasons.values() if reason)
    if not taught or not measured:
        raise ValueError(
            f"{args.data} gives {len(taught)} rows to train and {len(measured)} to measure on, left out: "
            f"{dict(rejected)}; both need some. Change --held_out, --max_row_tokens or the data."
        )
    held_out = {arm: [_turns(rows[id]) for id in measured] for arm, rows in arms.items()}
    return Rows([_turns(arms[args.data.stem][id]) for id in taught], held_out, rejected)


def _read(data: Path) -> dict[str, dict[str, Mapping[str, str]]]:
    """Rows of every arm, by id."""
    names = [name for name in (ORIGINAL, RECONSTRUCTED, CONTROL) if data.with_name(f"{name}.jsonl").is_file()]
    problems = verify(data.parent)
    if problems or data.stem not in names or data.suffix != ".jsonl":
        raise ValueError(
            f"{data} is no file of a finished build of training.augment: {'; '.join(problems[:3]) or names}"
        )
    read = {name: data.with_name(f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in names}
    return {name: {row["id"]: row for row in map(json.loads, lines)} for name, lines in read.items()}


def _reason(id: str, arms: Mapping[str, Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, most: int) -> str:
    """Why a row is left out, or ""."""
    rows = [arm[id] for arm in arms.values()]
    special = {*tokenizer.all_special_tokens, *tokenizer.added_tokens_encoder}
    if any(token in row["prompt"] + row["response"] for row in rows for token in special):
        return "special_token"
    return "too_long" if any(len(encode(_turns(row), tokenizer)["input_ids"]) > most for row in rows) else ""


def _turns(row: Mapping[str, str]) -> dict[str, Any]:
    """A conversational row."""
    turns = (("prompt", "user", "prompt"), ("completion", "assistant", "response"))
    return {name: [{"role": role, "content": row[key]}] for name, role, key in turns}
