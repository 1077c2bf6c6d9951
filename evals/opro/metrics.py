"""How well one prompt is answered with an instruction in front of it: by code where code can tell, else by a judge."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bpo_model.compare.calls import Judge, Model
from bpo_model.compare.judging import ask_judge
from bpo_model.compare.scores import ORDERS
from bpo_model.compare.types import Item, Order
from evals.opro.found import with_instruction
from evals.opro.recorded import Recorded, together
from evals.quality.checks import passes

VALUES = {"a": 1.0, "tie": 0.5, "b": 0.0, None: 0.5}
"""What a verdict is worth to the instruction. One that cannot be read says nothing, as a tie does."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The score of one item, 0 to 1."""

    value: float
    readable: bool = True
    """Whether all verdicts behind it could be read."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score."""

    name: str
    meaning: str
    """For the proposer."""
    mark: Callable[[Item, str], Awaitable[Mark]]
    """An item and an instruction, or none (""), -> its score."""


def checked(calls: Recorded, target: Model, checks: Mapping[str, Mapping[str, Any]]) -> Metric:
    """Right or wrong; `checks` are names and arguments of functions in evals/quality/checks.py, by item id."""

    async def mark(item: Item, instruction: str) -> Mark:
        check = checks[item.id]
        right = passes(await _answer(calls, target, item, instruction), check["name"], check["args"])
        return Mark(float(right))

    return Metric("checked", "It is the share of requests that were answered exactly as asked.", mark)


def judged(calls: Recorded, target: Model, judge: Judge) -> Metric:
    """The judge's choice between the answers with and without the instruction; half a point for a tie.

    It sees the plain prompt, as in the win-rate benchmarks, and the answers in both orders. Equal answers are
    a tie without a call: the plain prompt has 0.5 by definition.
    """
    chat = calls.chat(judge.model)

    async def mark(item: Item, instruction: str) -> Mark:
        a, b = await together(_answer(calls, target, item, text) for text in (instruction, ""))
        if a == b:
            return Mark(0.5)

        async def value(order: Order) -> float | None:
            asked = await ask_judge(chat, item, a, b, order, judge.template, **judge.model.params)
            return None if asked.winner is None else VALUES[asked.winner]

        values = await together(value(order) for order in ORDERS)
        return Mark(sum(VALUES[None] if one is None else one for one in values) / len(values), None not in values)

    meaning = "It says how often the answer was preferred to the one without any instruction; 50 is no gain."
    return Metric("judged", meaning, mark)


async def _answer(calls: Recorded, target: Model, item: Item, instruction: str) -> str:
    """The target's answer, greedy as in OPRO unless the model's own settings say otherwise; empty if it refused."""
    messages = [{"role": "user", "content": with_instruction(instruction, item.prompt)}]
    record = await calls.ask(target, messages, **{"temperature": 0, **target.params})
    return str(record["text"])
