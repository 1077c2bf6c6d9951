"""The start of the model's reply: the user's own words, so that a small model can only add to them.

A small model that writes the prompt out again loses or changes a word in one prompt of ten (training/LOG.md). Given
the prompt as the start of its reply, it decides what to add and whether to add anything.
"""

import re
from dataclasses import dataclass

from bpo_model.checks.safety import UNSAFE
from bpo_model.request import QUESTION_OPENERS

_OPEN_END = re.compile(r"[\w)\]\"'”’}%]$")
_CODE_LIKE = re.compile(r"\S*[\w)][./@_\\=#]\w\S*$")
"""A last word that a full stop would change: an address, a path, an identifier, an expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """How replies of a checkpoint are started, for weights that were trained so."""

    end_token: int
    """Id of the token by which the model says that nothing is to be added."""
    end_bias: float = 0.0
    """Added to its score (nats): adding nothing is one token, additions begin with many, so greedy decoding would
    leave most prompts as they are. Chosen on val.jsonl (training/LOG.md)."""


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
