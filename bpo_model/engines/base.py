"""What every engine takes and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from bpo_model.errors import GenerationError
from bpo_model.template import RenderedPrompt

PENALIZED_TOKENS = 24
"""Long enough for a sentence or two: what came earlier may come again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One candidate to generate."""

    prompt: RenderedPrompt
    max_tokens: int
    temperature: float = 0.0
    """0 decodes greedily."""
    top_p: float = 1.0
    seed: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token id, nats that are added to its score at every step)."""
    frequency_penalty: float = 0.0
    """Nats taken from a token's score for each time that it stands among the last `PENALIZED_TOKENS`, the request's
    included. Servers behind the `openai` engine count over the whole reply instead."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Raw model output, cut by token position and not yet verified."""

    text: str
    """The whole reply, with the start that the request gave (`prompt.reply`)."""
    prompt_tokens: int
    completion_tokens: int
    finish: Literal["stop", "length", "cancelled"] = "stop"
    """Whether the model ended by itself, ran into `max_tokens`, or was stopped by the caller."""


Generated: TypeAlias = Candidate | GenerationError
"""A failed item is a value, so that it never spoils its neighbours."""

CANCELLED = Candidate("", 0, 0, "cancelled")


def never() -> bool:
    """A `cancelled` that never is."""
    return False


class Engine(Protocol):
    """Generates candidates. Callers go through `worker.Worker`, which queues, batches and shares.

    An engine may also have two numbers that tell the worker how to feed it:
    `slots`, the calls of `generate` that may run at the same time (default 1), and
    `batch`, the most requests that one call takes (default 64).
    """

    name: str

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """One result a request, in order; stops early once `cancelled()` is true."""
        ...
