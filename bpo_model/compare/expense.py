"""What calls will take, before anything is spent; needs neither network nor keys."""

from dataclasses import dataclass

from bpo_model.compare.endpoint import ModelSpec

CHARACTERS_PER_TOKEN = 4.0
ANSWER_TOKENS = 350
"""Of one answer, as in the paper's sets with chat models."""
VERDICT_TOKENS = 250
INSTRUCTION_TOKENS = 300
"""Of a judge's template."""
SECONDS_PER_CALL = 8.0


@dataclass(frozen=True, slots=True)
class Line:
    """What one model has to do."""

    role: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    """None: the price is unknown."""
    minutes: float


def line_of(role: str, name: str, spec: ModelSpec, calls: int, reads: float, writes: float) -> Line:
    """The expense of `calls` calls that read and write so many tokens together."""
    known = spec.price_in is not None and spec.price_out is not None
    usd = (reads * (spec.price_in or 0) + writes * (spec.price_out or 0)) / 1e6 if known else None
    return Line(role, name, calls, round(reads), round(writes), usd, calls * SECONDS_PER_CALL / spec.concurrency / 60)


def total_usd(lines: list[Line]) -> float | None:
    """Of all lines; None as soon as one price is unknown."""
    prices = [line.usd for line in lines if line.calls]
    return None if None in prices else sum(price or 0.0 for price in prices)
