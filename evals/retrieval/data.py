"""The passages and the questions.

Written for this measurement: a bicycle-sharing company, a town library and a cloud database,
all invented, with many passages on the same topics (refunds, hours, limits, lost things).
"""

from dataclasses import dataclass
from pathlib import Path

from evals.rewrites import read_rows

FOLDER = Path(__file__).parent
KINDS = ("keyword", "question", "sloppy", "conversational", "howto")
"""Search terms; a full sentence; lower case and typos; a situation told to a person; "how do I"."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as users type it; exactly one passage answers it."""

    id: str
    question: str
    passage_id: str
    kind: str


def load_passages() -> dict[str, str]:
    """Passage texts by id, in the order of the file."""
    return {row["id"]: row["text"] for row in read_rows(FOLDER / "corpus.jsonl")}


def load_questions() -> list[Question]:
    """All questions, in the order of the file."""
    return [Question(**row) for row in read_rows(FOLDER / "questions.jsonl")]
