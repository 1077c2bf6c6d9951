"""Calls to targets and judges. Every call is one record, and none is made twice.

A record's key holds all that determines it: a changed judge text repeats only judgments, a changed
rewriter everything behind it, and the answer to the same bytes serves all who ask for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bpo_model.compare.chat import ChatError
from bpo_model.compare.judging import Template, ask_judge
from bpo_model.compare.store import Record, Stage, Store, key_of
from bpo_model.compare.types import Chat, Item, Message, Order
from bpo_model.errors import BPOError


@dataclass(frozen=True, slots=True)
class Model:
    """A target or a judge."""

    chat: Chat
    name: str
    """Part of every key: a model of the same name elsewhere must be called otherwise."""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judge:
    """A model, and how it is asked."""

    name: str
    model: Model
    template: Template


def answer_key(name: str, params: Mapping[str, Any], messages: Sequence[Message], replicate: int = 0) -> str:
    """The key of an answer."""
    return key_of("answer", messages, name, params, replicate=replicate)


def verdict_key(
    name: str, params: Mapping[str, Any], template: Template, question: str, answers: tuple[str, str], order: Order,
    replicate: int = 0,
) -> str:  # fmt: skip
    """The key of a verdict on the answers of arm a and arm b."""
    inputs = {"question": question, "a": answers[0], "b": answers[1], "order": order}
    return key_of("judge", inputs, name, params, template.sha, replicate)


class Calls:
    """Finds records, or makes them; use it in one event loop.

    A call that fails is a record with status `error`; whatever is not the endpoint's doing is raised.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: dict[str, asyncio.Task[Record]] = {}

    async def answer(self, model: Model, messages: Sequence[Message], item: str, replicate: int = 0) -> Record:
        """A target's answer to a conversation; `item` is noted and is no part of the key."""
        key = answer_key(model.name, model.params, messages, replicate)

        async def make() -> dict[str, Any]:
            reply = await model.chat(messages, **model.params)
            return {"status": "ok", "item": item, "messages": messages, **asdict(reply)}

        return await self.once("answer", key, make)

    async def verdict(
        self, judge: Judge, item: Item, answers: Sequence[str], order: Order, replicate: int = 0
    ) -> Record:
        """A judge's verdict on the answers of arm a and arm b to an item's prompt."""
        model, template, (a, b) = judge.model, judge.template, answers
        key = verdict_key(model.name, model.params, template, item.prompt, (a, b), order, replicate)

        async def make() -> dict[str, Any]:
            asked = await ask_judge(model.chat, item, a, b, order, template, **model.params)
            return {"status": asked.status, "winner": asked.winner, "order": order, "item": item.id, **asked.details()}

        return await self.once("judge", key, make)

    async def once(self, stage: Stage, key: str, make: Callable[[], Awaitable[dict[str, Any]]]) -> Record:
        """The record of a key: found, under way already, or made now."""
        found = self._store.get(stage, key)
        if found is not None:
            return found
        if key not in self._under_way:
            self._under_way[key] = asyncio.ensure_future(self._make(stage, key, make))
        return await asyncio.shield(self._under_way[key])

    async def finish(self) -> None:
        """Wait for calls that are under way and shared: they are paid for, and clients and store are still open."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _make(self, stage: Stage, key: str, make: Callable[[], Awaitable[dict[str, Any]]]) -> Record:
        """Call, and keep what came of it, a failure included."""
        try:
            body = await make()
        except (ChatError, BPOError) as error:
            body = {"status": "error", "error": f"{type(error).__name__}: {error}"}
        record = {"key": key, **body}
        self._store.put(stage, record)
        return record
