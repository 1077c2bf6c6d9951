"""The start of the model's reply: the user's own words, so that a small model can only add to them.

A small model that writes the prompt out again loses or changes a word in one prompt of ten (training/LOG.md). Given
the prompt as the start of its reply, it decides what to add and whether to add anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from bpo_model.checks.safety import UNSAFE, may_be_dangerous
from bpo_model.request import QUESTION_OPENERS

NEVER = -100.0
"""Nats; no score is so high that it would outweigh them."""
_OPEN_END = re.compile(r"[\w)\]\"'”’}%]$")
_CODE_LIKE = re.compile(r"\S*[\w)][./@_\\=#]\w\S*$")
"""A last word that a full stop would change: an address, a path, an identifier, an expression."""


class Sampling(TypedDict, total=False):
    """Fields of a request."""

    logit_bias: tuple[tuple[int, float], ...]
    frequency_penalty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """How replies of a checkpoint are started, for weights that were trained so."""

    end_token: int
    """Id of the token by which the model says that nothing is to be added."""
    end_bias: float = 0.0
    """Added to its score (nats): adding nothing is one token, additions begin with many, so greedy decoding would
    leave most prompts as they are. Chosen on val.jsonl (training/LOG.md)."""
    frequency_penalty: float = 0.0
    """That of requests for what is to be added: without one, additions come back to the same word ("the year and the
    year")."""
    avoided: Mapping[str, int] = field(default_factory=dict)
    """Words and the ids of their tokens (with a space in front) that are not written where nothing looks dangerous: the
    contract would refuse them (`danger_invented`)."""

    def sampling(self, instruction: str) -> Sampling:
        """How requests for what is to be added to an instruction differ from others."""
        avoided = () if may_be_dangerous(instruction) else self.avoided.values()
        bias = (self.end_token, self.end_bias), *((token, NEVER) for token in avoided)
        return {"logit_bias": bias, "frequency_penalty": self.frequency_penalty}


def prefill(instruction: str) -> str:
    """What the reply starts with; "" where the prompt looks unsafe, since turning it takes other words."""
    return "" if UNSAFE.search(instruction) else finished(instruction)


def finished(instruction: str) -> str:
    r"""The instruction with a mark at its end, where it is missing, so that a sentence can follow.

    >>> finished("how do zips work"), finished("name 3 nuts"), finished("fix main.py")
    ('how do zips work?', 'name 3 nuts.', 'fix main.py\n')
    """
    text = instruction.rstrip()
    if not _OPEN_END.search(text):
        return text
    last = text.split()[-1]
    if _CODE_LIKE.match(last):
        return f"{text}\n"
    asked = text.split()[0].lower() in QUESTION_OPENERS and not re.search(r"[.?!]", text)
    return text + ("?" if asked else ".")
