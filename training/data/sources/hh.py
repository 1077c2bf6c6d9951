r"""Anthropic HH-RLHF: which of two answers to the same conversation a person preferred.

A row is `{"chosen": text, "rejected": text}`, each a whole conversation: "\n\nHuman: ..\n\nAssistant: ..".
Kept: one question and one answer on both sides, the same question. There are no ids and no language (English).

Licence: MIT (https://huggingface.co/datasets/Anthropic/hh-rlhf). The subsets are folders: harmless-base, helpful-base,
helpful-online, helpful-rejection-sampled; a fifth, red-team-attempts, holds no preferences and is never read.
Checked here on the real harmless-base/test.jsonl.gz; the helpful subsets were not at hand.

Reasons: malformed, multi_turn, different_prompts, empty_prompt, empty_answer, identical_answers.
"""

import re
from collections.abc import Iterable, Iterator

from training.data.sources.fields import Item, Row, Turns, content_id, left_out, malformed, prefer, text

NAME = "hh"
LICENCE = "MIT"
_TURN = re.compile(r"\n\n(Human|Assistant):")


def parse(rows: Iterable[Row]) -> Iterator[Item]:
    """One preference or reject a row."""
    return map(_item, rows)


def _item(row: Row) -> Item:
    chosen, rejected = _turns(text(row, "chosen")), _turns(text(row, "rejected"))
    if not chosen or not rejected:
        return malformed(NAME, row, "chosen and rejected must be conversations of Human and Assistant")
    row_id = content_id(row["chosen"], row["rejected"])
    if len(chosen) > 2 or len(rejected) > 2:
        return left_out(NAME, row_id, "multi_turn", f"{len(chosen)} and {len(rejected)} turns")
    (_, prompt), (_, good) = chosen
    (_, other_prompt), (_, bad) = rejected
    if prompt.strip() != other_prompt.strip():
        return left_out(NAME, row_id, "different_prompts")
    return prefer(NAME, row_id, prompt, good, bad, licence=LICENCE, language="en")


def _turns(conversation: str | None) -> Turns:
    """Speaker and words of every turn; empty if this is no conversation that begins with a question and an answer."""
    before, *parts = _TURN.split(conversation or "")
    turns = list(zip(parts[::2], parts[1::2], strict=True))
    return turns if not before.strip() and [who for who, _ in turns[:2]] == ["Human", "Assistant"] else []
