"""What the answers for some rows will cost, before the first request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.data.teaching.config import TeacherConfig
from training.data.teaching.ledger import Ledger
from training.data.teaching.replies import read_answer
from training.data.teaching.request import Request, request_of
from training.data.types import Preference

CHARACTERS_PER_TOKEN = 4.0
"""Of English, for as long as the ledger has measured nothing."""
COMPLETION_TOKENS = 220
"""Of critique and instruction together, likewise."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests are left, and an estimate of what they take."""

    rows: int
    answered: int
    """Rows whose answers the ledger holds; they cost nothing more."""
    prompt_tokens: int
    """Estimated, of the rows that are left, as is the next."""
    completion_tokens: int
    usd: float | None
    """For single requests; None: the price is unknown."""
    usd_batch: float | None
    """For a batch."""
    measured: int
    """Answers that the estimate rests on; 0: on rules of thumb."""


def plan(preferences: Iterable[Preference], config: TeacherConfig, ledger: Ledger) -> Plan:
    """Estimate the cost of what is left to ask."""
    return plan_requests([request_of(preference, config) for preference in preferences], config, ledger)


def plan_requests(
    requests: Sequence[Request], config: TeacherConfig, ledger: Ledger, completion_tokens: int = COMPLETION_TOKENS
) -> Plan:
    """The same for requests of any kind; `completion_tokens` of an answer, as long as nothing is measured."""
    left = [request for request in requests if ledger.get(request.key) is None]
    per_character, completion, measured = _measure(requests, ledger, completion_tokens)
    read = round(sum(map(_characters, left)) * per_character)
    written = round(completion * len(left))
    return Plan(
        len(requests), len(requests) - len(left), read, written,
        config.usd(read, written), config.usd(read, written, batch=True), measured,
    )  # fmt: skip


def shown_usd(value: float | None) -> str:
    """Dollars for people; a price may be unknown."""
    return "unknown" if value is None else f"{value:.2f}"


def _measure(requests: Iterable[Request], ledger: Ledger, completion_tokens: int) -> tuple[float, float, int]:
    """Tokens read per character, tokens written per answer, and on how many answers that rests."""
    counts = []
    for request in requests:
        line = ledger.get(request.key)
        reply = read_answer(line["response"]["body"]) if line is not None else None
        if reply is not None and reply.prompt_tokens and reply.completion_tokens:
            counts.append((_characters(request), reply.prompt_tokens, reply.completion_tokens))
    if not counts:
        return 1 / CHARACTERS_PER_TOKEN, completion_tokens, 0
    characters, read, written = (sum(column) for column in zip(*counts, strict=True))
    return read / characters, written / len(counts), len(counts)


def _characters(request: Request) -> int:
    """Length of all that the teacher reads."""
    return sum(len(message["content"]) for message in request.body["messages"])
