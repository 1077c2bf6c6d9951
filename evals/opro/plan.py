"""What a search will take at most, before anything is spent."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from bpo_model.compare.endpoint import ModelSpec
from bpo_model.compare.expense import ANSWER_TOKENS, CHARACTERS_PER_TOKEN, INSTRUCTION_TOKENS, VERDICT_TOKENS
from bpo_model.compare.types import Item
from evals.opro.meta_prompt import EXAMPLES, SHOWN
from evals.opro.search import Settings

TRIED_TOKENS = 40
"""Of an instruction with its score; also what a proposal writes."""


def plan(
    groups: Sequence[tuple[Sequence[Item], Sequence[Item]]], settings: Settings, models: Mapping[str, ModelSpec]
) -> str:
    """One line a role, for searches on pairs of items to search on and items held out.

    `models` has `target`, `proposer` and perhaps `judge`. An upper bound of the calls: repeated instructions and
    equal answers cost nothing. Reminders of a judge that forgets the form come on top.
    """
    instructions = 1 + settings.steps * settings.per_step
    proposals = len(groups) * settings.steps * settings.per_step
    scored = sum(instructions * len(train) + 2 * len(held) for train, held in groups)
    answers = scored + sum(len(train) + len(held) for train, held in groups)
    prompt = fmean(len(item.prompt) for sides in groups for side in sides for item in side) / CHARACTERS_PER_TOKEN
    meta = INSTRUCTION_TOKENS + SHOWN * TRIED_TOKENS + EXAMPLES * prompt
    calls = {
        "proposer": (proposals, meta, TRIED_TOKENS),
        "target": (answers, prompt + TRIED_TOKENS, ANSWER_TOKENS),
        "judge": (2 * scored, prompt + 2 * ANSWER_TOKENS + INSTRUCTION_TOKENS, VERDICT_TOKENS),
    }
    lines = [_line(role, spec, *calls[role]) for role, spec in models.items()]
    return "\n".join(["at most, with guessed lengths:", *lines])


def _line(role: str, spec: ModelSpec, calls: int, reads: float, writes: float) -> str:
    usd = "unknown"
    if spec.price_in is not None and spec.price_out is not None:
        usd = f"{calls * (reads * spec.price_in + writes * spec.price_out) / 1e6:.2f}"
    return f"{role:9}{spec.model:32}{calls:>10,} calls, USD {usd}"
