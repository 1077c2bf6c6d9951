"""The rewriters of the arms: ours, none, and the controls that tell its effect from any change of the prompt."""

import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from bpo_model.compare.types import Chat, Item, Message
from evals.opro.found import load_found
from evals.winrate.via import Route

Rewriter: TypeAlias = Callable[[Item], Awaitable[list[Message]]]
"""An item -> the messages that the target gets."""

SUFFIX = "Please give a helpful and detailed answer."
"""The static suffix: what one sentence for all prompts achieves without any model."""
DIRECT = (
    "Improve the following prompt, so that a language model gives a more helpful answer to it. "
    "Keep its meaning. Reply with the improved prompt alone.\n\n{prompt}"
)
"""Table 7's arm without feedback: the target rewrites by itself, in our words."""
REWRITERS = ("none", "identity", "bpo", "static-suffix", "shuffled-rewrite", "direct", "opro")


def rewriter(name: str, items: Sequence[Item], *, route: Route, target: Chat, seed: int) -> Rewriter:
    """The rewriter of an arm by its name.

    Raises:
        ValueError: If there is none of this name.
    """
    if name in {"none", "identity"}:
        return _as_it_is
    if name == "bpo":
        return _through(route)
    if name == "static-suffix":
        return _with_suffix
    if name == "shuffled-rewrite":
        return _of_another(_through(route), items, seed)
    if name == "direct":
        return _by_the_target(target)
    if name.partition(":")[0] == "opro":
        return _with_found(name, items)
    raise ValueError(f"unknown rewriter {name!r}; known: {', '.join(REWRITERS)}")


async def _as_it_is(item: Item) -> list[Message]:
    """The prompt itself."""
    return [{"role": "user", "content": item.prompt}]


async def _with_suffix(item: Item) -> list[Message]:
    """The prompt and the same sentence for all."""
    return [{"role": "user", "content": f"{item.prompt}\n\n{SUFFIX}"}]


def _through(route: Route) -> Rewriter:
    """The product's adapter."""

    async def rewrite(item: Item) -> list[Message]:
        return await route(item.prompt)

    return rewrite


def _of_another(rewrite: Rewriter, items: Sequence[Item], seed: int) -> Rewriter:
    """The rewrite of another prompt of the same set: a change of the same kind that cannot help."""
    partners: dict[str, Item] = {}
    for name in sorted({item.set for item in items}):
        members = sorted((item for item in items if item.set == name), key=lambda item: item.id)
        random.Random(f"{seed} {name}").shuffle(members)
        partners |= {item.id: other for item, other in zip(members, members[1:] + members[:1], strict=True)}

    async def other(item: Item) -> list[Message]:
        return await rewrite(partners[item.id])

    return other


def _by_the_target(target: Chat) -> Rewriter:
    """The target is asked to improve the prompt, without any training on preferences."""

    async def improve(item: Item) -> list[Message]:
        # One pass: braces of the prompt are data.
        asked = DIRECT.replace("{prompt}", item.prompt, 1)
        reply = await target([{"role": "user", "content": asked}], temperature=0)
        return [{"role": "user", "content": reply.text.strip() or item.prompt}]

    return improve


def _with_found(name: str, items: Sequence[Item]) -> Rewriter:
    """The instruction that OPRO found for the item's category; `name` is `opro:DIGEST:FILE` (experiments.py)."""
    file = name.split(":", 2)[2:]
    if not file:
        raise ValueError("the arm opro needs what a search found: `run opro:FOLDER/result.json`; see evals/opro")
    found = load_found(Path(*file))
    found.check_unseen(items)

    async def sent(item: Item) -> list[Message]:
        return [{"role": "user", "content": found.sent(item)}]

    return sent
