"""Read the prompts that must not be trained on: the four test sets of the paper, or any file like them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT_KEYS = ("instruction", "prompt", "text")
"""Where a row may have its prompt; the first that is there counts."""
CONTEXT_KEYS = ("context", "input")


@dataclass(frozen=True, slots=True)
class EvalPrompt:
    """A prompt of a test set."""

    id: str
    """`file/number`, counted from 0."""
    instruction: str
    context: str = ""

    @property
    def text(self) -> str:
        """What the model is asked, by the paper's rule."""
        return f"{self.instruction}\n{self.context}".strip()


def read_evals(files: Iterable[Path]) -> list[EvalPrompt]:
    """The prompts of JSON lists or JSONL files, of texts or of objects with one of `TEXT_KEYS`.

    Reads the paper's four sets as they are: Vicuna Eval (`text`), Self-Instruct Eval and Dolly Eval
    (`instruction` and `context`), BPO-test (`prompt`).

    Raises:
        ValueError: If a row has no prompt, or a file no rows: a test set must not be left out in silence.
    """
    return [prompt for file in files for prompt in _read(file)]


def _read(file: Path) -> list[EvalPrompt]:
    """One file's prompts."""
    try:
        rows = _rows(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file.name}: neither a JSON list nor JSONL ({error})") from None
    if not rows:
        raise ValueError(f"{file.name} holds no prompts: leave it out, or repair it")
    return [_prompt(row, file.name, f"{file.stem}/{number}") for number, row in enumerate(rows)]


def _rows(text: str) -> list[Any]:
    """Rows of a JSON list or of JSONL."""
    if text.lstrip().startswith("["):
        rows: list[Any] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _prompt(row: Any, name: str, id_: str) -> EvalPrompt:
    """A row's prompt."""
    row = {"prompt": row} if isinstance(row, str) else row
    fields = row if isinstance(row, dict) else {}
    instruction = next((fields[key] for key in TEXT_KEYS if key in fields), None)
    context = next((fields[key] for key in CONTEXT_KEYS if key in fields), None) or ""
    if not isinstance(instruction, str) or not instruction.strip() or not isinstance(context, str):
        raise ValueError(f"{name}: {id_} needs text under {', '.join(TEXT_KEYS)}, got {str(row)[:80]!r}")
    return EvalPrompt(id_, instruction, context)
