"""LMSYS Chatbot Arena: two anonymous models answer, the user votes.

A row: question_id, model_a, model_b, winner (model_a, model_b, tie, "tie (bothbad)"), judge, conversation_a and
conversation_b (lists of {"content", "role"}), turn, anony, language (a name: English), tstamp, openai_moderation,
toxic_chat_tag. Kept: a winner, and one question and one answer on both sides.

Flagged rows (openai_moderation, toxic_chat_tag) stay, as in the paper: harmful requests are what an optimizer must
learn to turn into safe ones. The data card warns of them.

Licence, as the dataset's card says: prompts CC-BY-4.0, answers CC-BY-NC-4.0. The answers also fall under the terms
of the models that wrote them. https://huggingface.co/datasets/lmsys/chatbot_arena_conversations is gated: accept its
conditions there and log in. It was not at hand here; the schema is that of its card and public copies.

Reasons: malformed, multi_turn, tie, different_prompts, empty_prompt, empty_answer, identical_answers.
"""

from collections.abc import Iterable, Iterator

from training.data.sources.fields import Item, Row, language_code, left_out, malformed, prefer, text, turns

NAME = "arena"
LICENCE = "CC-BY-4.0 AND CC-BY-NC-4.0"
_TIES = ("tie", "tie (bothbad)")


def parse(rows: Iterable[Row]) -> Iterator[Item]:
    """One preference or reject a row."""
    return map(_item, rows)


def _item(row: Row) -> Item:
    row_id, winner = text(row, "question_id"), text(row, "winner")
    one, other = turns(row.get("conversation_a")), turns(row.get("conversation_b"))
    if not row_id or winner not in {"model_a", "model_b", *_TIES} or not one or not other:
        return malformed(NAME, row, "needs question_id, a known winner, conversation_a and conversation_b")
    if any([role for role, _ in side] != ["user", "assistant"] for side in (one, other)):
        return left_out(NAME, row_id, "multi_turn", f"{len(one)} and {len(other)} messages")
    if winner in _TIES:
        return left_out(NAME, row_id, "tie", winner)
    (_, prompt), (_, answer_a) = one
    (_, other_prompt), (_, answer_b) = other
    if prompt.strip() != other_prompt.strip():
        return left_out(NAME, row_id, "different_prompts")
    chosen, rejected = (answer_a, answer_b) if winner == "model_a" else (answer_b, answer_a)
    language = language_code(text(row, "language"))
    return prefer(NAME, row_id, prompt, chosen, rejected, licence=LICENCE, language=language)
