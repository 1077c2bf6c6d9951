"""Every call of a search, kept before anything is done with it, and found again by its content.

The key of a call holds messages, model, settings and, for a proposal, its step and number. So a search is a pure
function of its calls: killed and started again it walks through what is there and goes on where it ended.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.calls import Model
from bpo_model.compare.chat import ChatError
from bpo_model.compare.store import Record, Store, key_of
from bpo_model.compare.types import Chat, Message, Reply

WINDOW = 32
"""Calls under way or waiting for an endpoint at once: so many may still be tried when one has failed for good."""
REFUSED = frozenset({400, 413, 422})
"""HTTP's answers that speak of this one request (too long, filtered) and would be the same tomorrow."""

T = TypeVar("T")


class Recorded:
    """The calls of one search; its store must be one that keeps what is invalid."""

    def __init__(self, store: Store, max_calls: int | None = None) -> None:
        """Nothing is called yet; `max_calls` counts calls that are made, not those that are found."""
        self._store, self._max_calls = store, max_calls
        self._places = asyncio.Semaphore(WINDOW)
        self._under_way: dict[str, asyncio.Task[Record]] = {}
        self._stopped: Exception | None = None
        self.made = 0
        """Calls of this session."""
        self.used: dict[str, Record] = {}
        """Every call that the search rests on, made now or earlier, by key."""

    async def ask(self, model: Model, messages: Sequence[Message], *, draw: str = "", **params: Any) -> Record:
        """The record of a reply; `draw` tells calls apart that are to differ by chance only.

        A request that the endpoint refuses is a record with status `invalid` and an empty text.

        Raises:
            BudgetSpentError: If no further call may be made.
            ChatError: If an endpoint failed for good. Then no further call begins.
        """
        inputs = {"messages": messages, "draw": draw} if draw else messages
        key = key_of("answer", inputs, model.name, params)
        record = self._store.get("answer", key)
        if record is None:
            if key not in self._under_way:
                call = self._call(key, model, messages, draw, params)
                self._under_way[key] = asyncio.ensure_future(call)
            record = await asyncio.shield(self._under_way[key])
        self.used[key] = record
        return record

    def chat(self, model: Model) -> Chat:
        """The model as a plain chat, for what knows nothing of records."""

        async def chat(messages: Sequence[Message], **params: Any) -> Reply:
            record = await self.ask(model, messages, **params)
            return Reply(record["text"], record.get("model", ""), record.get("finish_reason", "stop"))

        return chat

    async def finish(self) -> None:
        """Let no further call begin, and wait for those under way: they are paid for; client and store are open."""
        self._stopped = self._stopped or RuntimeError("the search has ended")
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def cost(self) -> dict[str, Any]:
        """Of all calls that the search rests on, whenever they were made; usd is None if a price is unknown."""
        records = self.used.values()
        spent = [record.get("usd") for record in records if record["status"] == "ok"]
        return {
            "calls": len(records),
            "refused": sum(record["status"] == "invalid" for record in records),
            "cut_at_max_tokens": sum(record.get("finish_reason") == "length" for record in records),
            "tokens_in": sum(record.get("tokens_in", 0) for record in records),
            "tokens_out": sum(record.get("tokens_out", 0) for record in records),
            "usd": None if None in spent else round(sum(usd or 0 for usd in spent), 6),
        }

    async def _call(
        self, key: str, model: Model, messages: Sequence[Message], draw: str, params: dict[str, Any]
    ) -> Record:
        """Call, and keep the reply before anybody sees it."""
        async with self._places:
            if self._stopped:
                raise self._stopped
            try:
                body = await self._reply(model, messages, params)
                record = {"key": key, "asked": model.name, "draw": draw, "messages": list(messages), **body}
                self._store.put("answer", record)
            except Exception as stopped:
                self._stopped = stopped
                raise
            return record

    async def _reply(self, model: Model, messages: Sequence[Message], params: dict[str, Any]) -> Record:
        if self._max_calls is not None and self.made >= self._max_calls:
            raise BudgetSpentError(f"{self.made} of {self._max_calls} calls are made")
        self.made += 1
        try:
            return {"status": "ok", **asdict(await model.chat(messages, **params))}
        except ChatError as error:
            if error.status not in REFUSED:
                raise
            return {"status": "invalid", "text": "", "error": str(error)}


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Results in the order of the work; what stops one of them stops all, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except* (BudgetSpentError, ChatError) as stopped:
        raise stopped.exceptions[0] from None
    return [task.result() for task in tasks]
