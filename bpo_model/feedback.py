"""Learning from use: what people kept of a rewrite, one line each, in a file that they asked for.

    from bpo_model.feedback import record

    record(result, "accepted", file=Path("feedback.jsonl"))
    record(result, "edited", file=Path("feedback.jsonl"), edited="what the user made of it")

Nothing is stored unless this is called, and nothing that looks as if it held a key. Of a conversation only
the newest user turn is kept. `python -m training.feedback` turns the file into training data.
"""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bpo_model.cache import SECRET
from bpo_model.feedback_file import append_line
from bpo_model.schema import OptimizedPrompt
from bpo_model.split import split

VERSION = 1
"""Of a row; readers count rows of other versions and leave them alone."""

Action: TypeAlias = Literal["accepted", "edited", "reverted"]


class Verdict(StrEnum):
    """What the user kept."""

    ACCEPTED = "accepted"
    """The rewrite."""
    EDITED = "edited"
    """A text of his own, made from the rewrite."""
    REVERTED = "reverted"
    """The prompt as it was."""


class Outcome(StrEnum):
    """What became of a verdict."""

    STORED = "stored"
    SECRET = "secret"
    """A text looks as if it held a key or a password; nothing was written."""
    NO_REWRITE = "no_rewrite"
    """The prompt went out as it was, so there was nothing to accept or to revert; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One row: a prompt, its rewrite, and what the user kept of it; all texts are whole user turns."""

    verdict: Verdict
    prompt: str
    instruction: tuple[int, int]
    """Where the optimizer's part of the prompt starts and ends, in characters; the rest is context."""
    rewrite: str
    kept: str
    optimizer: str
    """Name of the checkpoint."""
    identity: str
    """Digest of `Checkpoint.identity`, or "" if the caller does not know it."""
    time: str
    """UTC, ISO 8601."""


def record(
    result: OptimizedPrompt, verdict: Action, *, file: Path, edited: str | None = None, identity: str = ""
) -> Outcome:
    """Append what a user made of a result to his file (JSONL, 0600, safe between processes).

    An edit that gives the rewrite or the prompt back counts as accepted or reverted. `identity` is
    `optimizer.checkpoint.identity`; only a digest of it is stored, since it may hold a path.

    Raises:
        ValueError: If the verdict is unknown, or `edited` does not go with it.
        BPOError: If the file cannot be used for this.
        OSError: If it cannot be written.
    """
    kind, kept = _kept(result, verdict, edited)
    if not result.changed and kind is not Verdict.EDITED:
        return Outcome.NO_REWRITE
    if any(SECRET.search(text) for text in (result.original, result.text, kept)):
        return Outcome.SECRET
    parts = split(result.original)
    row = Feedback(
        verdict=kind,
        prompt=result.original,
        instruction=(len(parts.before), len(parts.before) + len(parts.instruction)),
        rewrite=result.text,
        kept=kept,
        optimizer=result.model,
        identity=hashlib.sha256(identity.encode()).hexdigest()[:16] if identity else "",
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # ASCII escapes: half characters and odd line separators survive every reader.
    append_line(file, json.dumps({"version": VERSION, **asdict(row)}, ensure_ascii=True).encode("ascii"))
    return Outcome.STORED


def read(file: Path) -> tuple[list[Feedback], Counter[str]]:
    """The rows in the order they were written, and how many lines were left out, by reason."""
    rows: list[Feedback] = []
    left_out: Counter[str] = Counter()
    with file.open("rb") as lines:
        for line in filter(bytes.strip, lines):
            row = _parse(line)
            if isinstance(row, Feedback):
                rows.append(row)
            else:
                left_out[row] += 1
    return rows, left_out


def _kept(result: OptimizedPrompt, verdict: str, edited: str | None) -> tuple[Verdict, str]:
    """What the user did, and the text that he has now."""
    if verdict not in [*Verdict]:
        raise ValueError(f"verdict must be one of {', '.join(Verdict)}, got {verdict!r}")
    if (verdict == Verdict.EDITED) != (edited is not None):
        raise ValueError(
            f"`edited` goes with the verdict 'edited' and with no other, got {verdict!r} and {edited!r:.40}"
        )
    if edited is None:
        return Verdict(verdict), result.text if verdict == Verdict.ACCEPTED else result.original
    if not edited.strip():
        raise ValueError("the edited text is blank; to go back to the prompt use 'reverted'")
    texts = {result.original: Verdict.REVERTED, result.text: Verdict.ACCEPTED}
    return texts.get(edited, Verdict.EDITED), edited


def _parse(line: bytes) -> Feedback | str:
    """A row, or why the line is none."""
    try:
        row: Any = json.loads(line)
        if row["version"] != VERSION:
            return "other_version"
        start, end = (int(offset) for offset in row["instruction"])
        texts = {name: row[name] for name in ("prompt", "rewrite", "kept", "optimizer", "identity", "time")}
        found = Feedback(verdict=Verdict(row["verdict"]), instruction=(start, end), **texts)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "unreadable"
    whole = all(isinstance(text, str) for text in texts.values()) and 0 <= start <= end <= len(found.prompt)
    return found if whole else "unreadable"
