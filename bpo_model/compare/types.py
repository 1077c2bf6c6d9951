"""The nouns of the win-rate benchmarks; everything that goes to disk is made of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

Message: TypeAlias = Mapping[str, Any]
"""`role` and `content`."""
Order: TypeAlias = Literal["ab", "ba"]
"""Whether the judge saw arm a's answer first, or arm b's."""
Winner: TypeAlias = Literal["a", "b", "tie"]
Status: TypeAlias = Literal["ok", "invalid", "error", "identical"]
"""A usable verdict; an answer without a usable one; a call that failed; equal answers, which need no call."""


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt of a benchmark."""

    id: str
    """Stable and unique over all sets, such as `vicuna/1`."""
    set: str
    prompt: str
    """What the user asks, context included: instruction, newline, context, stripped."""
    category: str = ""
    good: str = ""
    """A preferred answer, where the set has one (BPO-test)."""
    bad: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: whose prompt, rewritten how, answered by whom."""

    name: str
    rewriter: str
    """`none`, `bpo`, `identity`, `static-suffix`, `shuffled-rewrite`, `reference`, `direct`, ... (arms.py)."""
    target: str
    """Alias of a model in the run's models."""
    iterations: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat endpoint answered."""

    text: str
    model: str = ""
    """The model that the server says it served."""
    finish_reason: str = "stop"
    tokens_in: int = 0
    tokens_out: int = 0


class Chat(Protocol):
    """A model behind an endpoint, an adapter or a function; raises what the endpoint raised, after its own retries."""

    async def __call__(self, messages: Sequence[Message], **params: Any) -> Reply:
        """Answer a conversation."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """One verdict on one item; the unit from which all statistics are made (the item is their sample)."""

    experiment: str
    row: str
    """The comparison within the experiment, such as `gpt-3.5-turbo`."""
    set: str
    item: str
    judge: str
    order: Order
    replicate: int
    status: Status
    winner: Winner | None
    """None unless the status is `ok` or `identical` (a tie)."""
    length_a: int
    """Characters of arm a's answer."""
    length_b: int
    changed: bool
    """Whether arm a's prompt differs from arm b's."""
    iterations: int = 1
    """How often arm a's prompt was rewritten."""
    details: Mapping[str, Any] = field(default_factory=dict)
