"""Your own preferences: any file of prompt, chosen, rejected.

A row: `prompt`, `chosen` and `rejected` as text, and if you have them `id`, `context` (text pasted with the prompt,
which stays as it is), `language` (ISO 639-1) and `licence` (SPDX; `license` is read too). TRL's conversational form
works for a single turn: lists of {"role", "content"}, where chosen and rejected are the answer or the whole
conversation, with or without `prompt`. Nothing here is fetched, and no text is interpreted.

Licence: that of each row; NOASSERTION if it names none. Language: as the row says, empty if it does not.

Reasons: malformed, multi_turn, system_message, different_prompts, empty_prompt, empty_answer, identical_answers.
"""

from collections.abc import Iterable, Iterator

from training.data.sources.fields import (
    Item,
    Row,
    Turns,
    content_id,
    language_code,
    left_out,
    malformed,
    prefer,
    text,
    turns,
)

NAME = "generic"
UNKNOWN = "NOASSERTION"
"""SPDX for a licence that nobody has stated."""


def parse(rows: Iterable[Row]) -> Iterator[Item]:
    """One preference or reject a row."""
    return map(_item, rows)


def _item(row: Row) -> Item:
    question, chosen, rejected = _turns(row, "prompt", "user"), _turns(row, "chosen"), _turns(row, "rejected")
    if question is None or not chosen or not rejected:
        return malformed(NAME, row, "needs prompt, chosen and rejected, as text or as messages")
    context = text({"context": "", **row}, "context")
    if context is None:
        return malformed(NAME, row, "context must be text")
    row_id = _id(row, context, question, chosen, rejected)
    one, other = _whole(question, chosen), _whole(question, rejected)
    if any(role == "system" for role, _ in question + one + other):
        return left_out(NAME, row_id, "system_message")
    if any([role for role, _ in side] != ["user", "assistant"] for side in (one, other)):
        return left_out(NAME, row_id, "multi_turn", f"{len(one)} and {len(other)} messages")
    if len({side[0][1].strip() for side in (one, other, question) if side}) > 1:
        return left_out(NAME, row_id, "different_prompts")
    licence = text(row, "licence") or text(row, "license") or UNKNOWN
    language = language_code(text(row, "language"))
    return prefer(NAME, row_id, one[0][1], one[1][1], other[1][1], licence=licence, context=context, language=language)


def _turns(row: Row, key: str, role: str = "assistant") -> Turns | None:
    """Text counts as one message; a prompt may be missing if the answers bring it."""
    if key == "prompt" and row.get(key) is None:
        return []
    words = text(row, key)
    return turns(row.get(key)) if words is None else [(role, words)]


def _whole(question: Turns, answer: Turns) -> Turns:
    """The conversation, whether or not the answer repeats the question."""
    return answer if len(answer) > 1 else question + answer


def _id(row: Row, context: str, *parts: Turns) -> str:
    """The row's own id, which may be a number, or that of its content."""
    own = row.get("id")
    if isinstance(own, int) and not isinstance(own, bool):
        return str(own)
    content = [words for part in parts for turn in part for words in turn]
    return text(row, "id") or content_id(context, *content)
