"""The prompts to prove on, from a text file (one a line), JSONL as `bpo optimize --file` reads it, or a CSV column."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bpo_model.batch_file import parse_line
from bpo_model.errors import PromptError
from bpo_model.messages import find_target
from bpo_model.schema import Message, Prompt

SHOWN = 3
"""Bad lines that an error names."""
Found: TypeAlias = tuple[int, Prompt | PromptError]
"""A line number, and what stands there."""


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt."""

    id: str
    """Digest of the prompt: the same prompt is the same case, wherever it stands."""
    line: int
    """Where it stands first."""
    prompt: Prompt
    question: str
    """What a judge is shown: the text, or the whole conversation."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The cases of a file, in an order that is random and always the same."""

    cases: tuple[Case, ...]
    repeated: int
    """Prompts that were there before. They would be the same evidence twice, so they are left out."""

    def first(self, n: int | None) -> "Prompts":
        """A random sample of n; a larger one holds every smaller one, so that its calls are not made again."""
        return Prompts(self.cases[:n], self.repeated)


def read_prompts(file: Path, column: str = "prompt") -> Prompts:
    """Read a file; what it is, its suffix says: .csv, .jsonl or .ndjson, anything else is one prompt a line.

    Blank prompts ask nothing and are skipped.

    Raises:
        PromptError: If the file cannot be read, a line is no prompt, or none is left, naming file and lines.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"cannot read prompts from {file}: {error}") from error
    suffix = file.suffix.lower()
    if suffix == ".csv":
        found = _csv(text, column)
    else:
        found = _jsonl(text) if suffix in {".jsonl", ".ndjson"} else enumerate(text.splitlines(), start=1)
    read = [(line, _case(line, prompt)) for line, prompt in found if prompt != "" and not _blank(prompt)]
    wrong = [f"line {line}: {case}" for line, case in read if isinstance(case, PromptError)]
    if wrong or not read:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise PromptError(f"{file}: {'; '.join(wrong[:SHOWN]) or 'there is no prompt in it'}{more}")
    cases = {case.id: case for _, case in reversed(read) if isinstance(case, Case)}
    return Prompts(tuple(cases[name] for name in sorted(cases)), len(read) - len(cases))


def _blank(prompt: Prompt | PromptError) -> bool:
    return isinstance(prompt, str) and not prompt.strip()


def _jsonl(text: str) -> Iterator[Found]:
    # Split at line feeds alone: JSON may hold the other line ends that str.splitlines knows.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, parse_line(line.encode())[0]


def _csv(text: str, column: str) -> Iterator[Found]:
    """Cells of a column; the line is the last one of a row."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if column not in (rows.fieldnames or ()):
        raise PromptError(f"the CSV has no column {column!r}; it has: {', '.join(rows.fieldnames or ()) or 'none'}")
    try:
        yield from ((rows.line_num, row[column] or "") for row in rows)
    except csv.Error as error:
        yield rows.line_num, PromptError(f"not CSV: {error}")


def _case(line: int, prompt: Prompt | PromptError) -> Case | PromptError:
    """A case, or why the prompt cannot be one."""
    try:
        if isinstance(prompt, PromptError):
            raise prompt
        find_target(prompt)
        question = prompt if isinstance(prompt, str) else _transcript(prompt)
        question.encode()
        text = json.dumps(prompt, sort_keys=True)
    except PromptError as error:
        return error
    except (UnicodeEncodeError, TypeError) as error:
        return PromptError(f"not plain text: {error}")
    return Case(hashlib.sha256(text.encode()).hexdigest()[:16], line, prompt, question)


def _transcript(messages: Sequence[Message]) -> str:
    """A conversation as a judge reads it; a single user turn is just its text."""
    turns = [(str(message["role"]), _text(message)) for message in messages]
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in turns)


def _text(message: Message) -> str:
    content = message["content"]
    parts = [content] if isinstance(content, str) else content
    texts = [part if isinstance(part, str) else part.get("text") for part in parts or ()]
    if None in texts:
        raise PromptError("a message has parts that are no text; the judge could not see them")
    return "\n".join(map(str, texts))
