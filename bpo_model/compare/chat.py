"""A model behind an OpenAI-compatible endpoint: one layer of retries, the price of a call, no secrets.

The key is read from the environment when the first call is made, and stands in no repr, error or record.
"""

import asyncio
import os
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

from bpo_model.compare.budget import Budget as Budget
from bpo_model.compare.budget import BudgetSpentError as BudgetSpentError
from bpo_model.compare.failures import MalformedReplyError, failure_of, unsupported
from bpo_model.compare.types import Message, Reply
from bpo_model.compare.verdicts import without_thoughts

LONGEST_PAUSE_S = 60.0
"""Between two attempts, unless the server asks for more."""


class ChatError(RuntimeError):
    """A call that failed for good, after `attempts` attempts; `status` is HTTP's, None without an answer."""

    def __init__(self, message: str, status: int | None, attempts: int) -> None:
        super().__init__(message)
        self.status = status
        self.attempts = attempts


@dataclass(frozen=True, slots=True)
class ServedReply(Reply):
    """A reply and how it came about, for the record."""

    attempts: int = 1
    dropped: tuple[str, ...] = ()
    """Parameters that the model does not support and that were left out."""
    usd: float | None = None
    """None: the price or the token counts are unknown."""
    seconds: float = 0.0
    """From the first attempt to the answer, pauses included."""
    fingerprint: str = ""
    """The server's `system_fingerprint`."""


@dataclass(eq=False, repr=False)
class OpenAIChat:
    """A `Chat`; use it in one event loop, and close it (`async with`).

    Raises:
        ValueError: If the budget has a limit and the price is unknown.
    """

    base_url: str
    model: str
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None: the server wants none."""
    _: KW_ONLY
    params: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every call, whatever their names; those of a call take precedence."""
    concurrency: int = 8
    """Calls on their way at once. One that waits for its next attempt keeps its place: that slows us down."""
    price_in: float | None = None
    """USD for a million tokens read; None is unknown, and a model of your own costs 0."""
    price_out: float | None = None
    """USD for a million tokens written."""
    deadline_s: float = 900.0
    """For a call with all its attempts, from when it has a place."""
    attempts: int = 6
    timeout_s: float = 180.0
    """For one attempt."""
    backoff_s: float = 1.0
    """The first pause; it doubles with every attempt."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        if self.budget.max_usd is not None and None in {self.price_in, self.price_out}:
            raise ValueError(
                f"a limit of ${self.budget.max_usd:g} cannot be kept: the price of {self.model!r} is unknown. "
                "Give price_in and price_out (0 for a model of your own), or set no limit."
            )
        self._places = asyncio.Semaphore(self.concurrency)
        self._unsupported: set[str] = set()
        self._client: Any = None

    async def __call__(self, messages: Sequence[Message], **params: Any) -> ServedReply:
        """Answer a conversation.

        Raises:
            ChatError: If no attempt brought an answer; other calls may still succeed.
            BudgetSpentError: Without a call, if the budget is spent.
            ValueError: Without a call, if the key is missing.
        """
        async with self._places:
            self.budget.check()
            reply = await self._persist(messages, {**self.params, **params})
            self.budget.add(reply.usd)
            return reply

    async def __aenter__(self) -> Self:
        """Make the client, so that a missing key shows before the first call."""
        self._connect()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def __repr__(self) -> str:
        """Model and place; neither key nor password."""
        return f"<OpenAIChat {self.model} at {self.where}>"

    @property
    def where(self) -> str:
        """The URL without what may be secret in it: user, password and query."""
        return re.sub(r"//[^/@]*@", "//", self.base_url).split("?")[0]

    async def _persist(self, messages: Sequence[Message], params: Mapping[str, Any]) -> ServedReply:
        """Try until there is an answer or no hope for one."""
        start, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            left = self.deadline_s - (time.monotonic() - start)
            try:
                async with asyncio.timeout(min(self.timeout_s, left)):
                    found, dropped = await self._create(messages, params)
                    return self._reply(found, attempt, dropped, time.monotonic() - start)
            except Exception as error:  # noqa: BLE001  # failure_of raises again what is not the endpoint's doing
                failure = failure_of(error, where=self.where, key=self._key())
            pause = self._pause(attempt, failure.pause_s)
            if not failure.again or attempt >= self.attempts or time.monotonic() - start + pause >= self.deadline_s:
                # Outside of the handler, so that no traceback shows the request that failed.
                raise ChatError(failure.message, failure.status, attempt)
            await asyncio.sleep(pause)

    async def _create(self, messages: Sequence[Message], params: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
        """One attempt, again at once without a parameter that the model turns out not to support."""
        client = self._connect()
        while True:
            kept = {name: value for name, value in params.items() if name not in self._unsupported}
            try:
                # extra_body: parameters that only this server knows are as welcome as OpenAI's.
                found = await client.chat.completions.create(model=self.model, messages=list(messages), extra_body=kept)
            except Exception as error:
                name = unsupported(error, kept)
                if name is None:
                    raise
                self._unsupported.add(name)
            else:
                return found, tuple(sorted(params.keys() - kept.keys()))

    def _reply(self, found: Any, attempt: int, dropped: tuple[str, ...], seconds: float) -> ServedReply:
        """What the server sent, as our record of it."""
        try:
            choice = found.choices[0]
            text = choice.message.content or choice.message.refusal or ""
            text = text.encode("utf-8", "replace").decode()  # half of a pair of surrogates could not be sent on
        except (AttributeError, LookupError, TypeError):
            raise MalformedReplyError(repr(found)) from None
        read, written = (getattr(found.usage, f"{kind}_tokens", None) for kind in ("prompt", "completion"))
        return ServedReply(
            text=without_thoughts(text), model=found.model or "", finish_reason=choice.finish_reason or "stop",
            tokens_in=read or 0, tokens_out=written or 0, usd=self._price(read, written),
            attempts=attempt, dropped=dropped, seconds=seconds, fingerprint=found.system_fingerprint or "",
        )  # fmt: skip

    def _price(self, read: int | None, written: int | None) -> float | None:
        """USD of a call."""
        if self.price_in is None or self.price_out is None:
            return None
        if self.price_in == self.price_out == 0:
            return 0.0
        if read is None or written is None:
            return None
        return (read * self.price_in + written * self.price_out) / 1e6

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Seconds until the next attempt; random, so that calls refused together do not return together."""
        if asked is not None:
            return asked + random.uniform(0, self.backoff_s)
        return min(LONGEST_PAUSE_S, self.backoff_s * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)

    def _connect(self) -> Any:
        """The client, made once."""
        if self._client is None:
            import openai

            if self.api_key_env and not self._key():
                raise ValueError(f"${self.api_key_env} is not set; it holds the key for {self.where}")
            self._client = openai.AsyncOpenAI(
                base_url=self.base_url, api_key=self._key() or "none", max_retries=0, timeout=self.timeout_s,
                http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),  # prompts go to base_url only
            )  # fmt: skip
        return self._client

    def _key(self) -> str:
        """The key, from the environment each time: nothing of ours holds it."""
        key = os.environ.get(self.api_key_env, "").strip() if self.api_key_env else ""
        if not (key.isascii() and key.isprintable()):  # else the header's error would show it
            raise ValueError(f"the key in ${self.api_key_env} holds characters that no HTTP header may")
        return key
