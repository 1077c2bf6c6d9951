"""How a user sends context along with an instruction: in the paper's six ways, drawn by the row's id.

Shares and rules are those of the paper's code. There the draw was not repeatable, and "follow" counted inside
of other words too.
"""

import re
from dataclasses import dataclass

from training.data.teaching.request import stable_hash

_LEADS_ON = re.compile(r"\b(?:follow(?:s|ing)?|below)\b|:\s*$", re.IGNORECASE)
_POINTS_BACK = re.compile(r"\b(?:above|preceding)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Joining:
    """One way of putting context and instruction into a prompt."""

    share: int
    """Of 10,000 rows."""
    context_first: bool
    between: str
    quote: str = ""
    """Around the context."""

    def join(self, instruction: str, context: str) -> str:
        """The prompt; both stand in it byte for byte."""
        quoted = f"{self.quote}{context}{self.quote}"
        return self.between.join((quoted, instruction) if self.context_first else (instruction, quoted))


JOININGS = (
    Joining(2500, False, "\n"),
    Joining(2500, True, "\n"),
    Joining(1875, False, " ", '"'),
    Joining(1875, True, " ", '"'),
    Joining(625, False, " "),
    Joining(625, True, " "),
)


def joining_for(id: str, instruction: str, optimized: str) -> Joining:
    """The way for a row, the same for both sides: the context has to come where either says that it does."""
    if any(_LEADS_ON.search(text) for text in (instruction, optimized)):
        return JOININGS[0]
    if any(_POINTS_BACK.search(text) for text in (instruction, optimized)):
        return JOININGS[1]
    drawn = stable_hash(f"joining {id}", 10_000)
    for joining in JOININGS:
        drawn -= joining.share
        if drawn < 0:
            return joining
    raise AssertionError("the shares add up to less than 10,000")
