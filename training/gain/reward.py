"""The gain as a reward for TRL's GRPOTrainer: pass `gain_reward`, or `reward_with(scorer)`, as `reward_funcs`."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from bpo_model.split import split
from training.gain.draw import Draft
from training.gain.items import Item
from training.gain.judge import Judged, judge
from training.gain.scorer import Scorer, Scores

RewardFunction: TypeAlias = Callable[..., list[float]]
"""TRL's signature: (prompts, completions, **columns of the dataset) -> one reward a completion."""
COLUMNS = ("original", "chosen", "rejected")
FLOOR = -10.0
"""Nats. What a broken rewrite earns, and the least that any earns: never is it better to break the contract.
About what the rewrite of another prompt gains (-9)."""


def gain_reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float]:
    """The gain of every completion over its original prompt in nats, scored by the embedded base.

    The dataset needs three columns beside TRL's `prompt`: `original`, the prompt as a user sends it, and
    `chosen` and `rejected`, its answers. The policy never sees the last two.

    Raises:
        ValueError: If a column is missing.
    """
    return _rewards(completions, columns, _embedded())


def reward_with(scorer: Scores) -> RewardFunction:
    """`gain_reward` with another scorer."""

    def gain_reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float]:
        """See above; TRL logs a reward under the function's name."""
        return _rewards(completions, columns, scorer)

    return gain_reward


@cache
def _embedded() -> Scorer:
    """Loaded with the first reward."""
    return Scorer.load()


def _rewards(completions: Sequence[Any], columns: dict[str, Any], scorer: Scores) -> list[float]:
    """One reward a completion; the original's is 0."""
    if missing := [name for name in COLUMNS if name not in columns]:
        raise ValueError(f"gain_reward needs the dataset's columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    fields = zip(*(columns[name] for name in COLUMNS), strict=True)
    items = [Item("", "", original, chosen, rejected) for original, chosen, rejected in fields]
    texts = [
        split(item.prompt).put_back(_text(completion)) for item, completion in zip(items, completions, strict=True)
    ]
    judged = judge(items, [[Draft(text)] for text in texts], scorer)
    return [_reward(some) for some in judged]


def _reward(judged: Sequence[Judged]) -> float:
    """The gain of the only candidate; the prompt itself is none, and gains nothing."""
    if not judged:
        return 0.0
    gain = judged[0].gain
    return max(FLOOR, gain.total) if gain else FLOOR


def _text(completion: Any) -> str:
    """What the policy wrote: text, or a conversation's last turn."""
    return str(completion if isinstance(completion, str) else completion[-1]["content"]).strip()
