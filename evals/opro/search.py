"""The search: propose instructions from what was tried, score them, repeat, keep the best."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from bpo_model.compare.calls import Model
from bpo_model.compare.types import Item
from evals.opro.meta_prompt import EXAMPLES, Scored, best, meta_prompt, read_instruction
from evals.opro.metrics import Mark, Metric
from evals.opro.recorded import Recorded, together
from evals.quality.measures import paired

INITIAL = "Give me a helpful response."
"""Where appendix H of the BPO paper starts."""
PER_STEP = 8
"""Instructions proposed in a step (OPRO)."""
TEMPERATURE = 1.0
"""Of the proposer (OPRO), whatever its own settings: at 0 all proposals of a step are one."""
PROPOSAL_TOKENS = 512
"""At most, unless the model's own settings say otherwise (OPRO)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a search depends on, beside its items and models."""

    steps: int
    """OPRO and appendix H: 200."""
    per_step: int = PER_STEP
    seed: int = 0
    """Of the examples in the meta-prompts; the proposer draws by itself."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.per_step < 1:
            raise ValueError(f"steps and per_step must be 1 or more, got {self.steps} and {self.per_step}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found."""

    best: Scored
    trajectory: tuple[Scored, ...]
    """All that were scored, in the order in which they were proposed."""
    refused: Counter[str] = field(default_factory=Counter)
    """Proposals that were not scored, by reason: `repeated`, and those of `read_instruction`."""


async def search(
    calls: Recorded, proposer: Model, metric: Metric, train: Sequence[Item], settings: Settings,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:  # fmt: skip
    """Search for an instruction; `done` is called after each step, 0 being the start.

    Raises:
        BudgetSpentError: If the budget is spent; the same search goes on from the store.
        ChatError: If an endpoint failed for good; likewise.
    """
    trajectory, refused = [await _scored(metric, train, INITIAL, 0)], Counter[str]()
    done(Outcome(best(trajectory), tuple(trajectory), refused))
    for step in range(1, settings.steps + 1):
        replies = await _proposals(calls, proposer, metric, train, trajectory, step, settings)
        fresh = _fresh(replies, trajectory, refused)
        trajectory += await together(_scored(metric, train, instruction, step) for instruction in fresh)
        done(Outcome(best(trajectory), tuple(trajectory), refused))
    return Outcome(best(trajectory), tuple(trajectory), refused)


async def compare(metric: Metric, items: Sequence[Item], found: str) -> dict[str, Any]:
    """Held-out scores of the plain prompt, of the start and of what was found, and their paired differences.

    The score on the items to search on is that of the luckiest of many; this one is not.
    """
    plain, initial, chosen = [await _marks(metric, items, text) for text in ("", INITIAL, found)]
    values = {name: [mark.value for mark in marks] for name, marks in
              (("plain", plain), ("initial", initial), ("found", chosen))}  # fmt: skip
    return {
        "n": len(items),
        **{name: round(fmean(some), 4) for name, some in values.items()},
        "unread": sum(not mark.readable for mark in (*initial, *chosen)),
        "found_minus_plain": paired(values["found"], values["plain"]),
        "found_minus_initial": paired(values["found"], values["initial"]),
    }


def to_record(outcome: Outcome) -> dict[str, Any]:
    """For the result's JSON."""
    return {
        "instruction": outcome.best.instruction,
        "score": asdict(outcome.best),
        "refused": dict(sorted(outcome.refused.items())),
        "trajectory": [asdict(one) for one in outcome.trajectory],
    }


async def _proposals(
    calls: Recorded, proposer: Model, metric: Metric, train: Sequence[Item], tried: Sequence[Scored],
    step: int, settings: Settings,
) -> list[str]:  # fmt: skip
    """The proposer's replies to one meta-prompt."""
    rng = random.Random(f"{settings.seed} {step}")
    examples = rng.sample(list(train), min(EXAMPLES, len(train)))
    messages = meta_prompt(tried, examples, metric.meaning)
    params = {"max_tokens": PROPOSAL_TOKENS, **proposer.params, "temperature": TEMPERATURE}
    records = await together(
        calls.ask(proposer, messages, draw=f"{step}.{number}", **params) for number in range(settings.per_step)
    )
    return [str(record["text"]) for record in records]


def _fresh(replies: Sequence[str], tried: Sequence[Scored], refused: Counter[str]) -> list[str]:
    """The new instructions among the replies; the others are counted."""
    known, fresh = {one.instruction for one in tried}, []
    for reply in replies:
        instruction, reason = read_instruction(reply)
        reason = "repeated" if instruction in known else reason
        if reason:
            refused[reason] += 1
        else:
            known.add(instruction)
            fresh.append(instruction)
    return fresh


async def _scored(metric: Metric, items: Sequence[Item], instruction: str, step: int) -> Scored:
    marks = await _marks(metric, items, instruction)
    score = round(fmean(mark.value for mark in marks), 6)
    return Scored(instruction, step, score, len(marks), sum(not mark.readable for mark in marks))


async def _marks(metric: Metric, items: Sequence[Item], instruction: str) -> list[Mark]:
    async def mark(item: Item) -> Mark:
        return await metric.mark(item, instruction)

    return await together(mark(item) for item in items)
