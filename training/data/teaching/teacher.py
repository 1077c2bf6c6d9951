"""Asks a teacher for one row: from the ledger if it was ever paid for, else from the endpoint.

Made to be run by anything that calls an async function for every row: `datasets`, Ray, a loop. So it never
raises for a row, can be pickled, and makes its client where it is used.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from training.data.teaching.brake import Brake
from training.data.teaching.config import TeacherConfig
from training.data.teaching.failures import Failure, MalformedError, failure_of
from training.data.teaching.ledger import Ledger, Line, line_of
from training.data.teaching.replies import is_final, read_answer, read_reply
from training.data.teaching.request import Request, request_of
from training.data.types import Preference

PATIENCE = 20
"""Rows that may fail one after another, or twice as many as are on their way at once."""
LONGEST_PAUSE_S = 120.0
"""Between two attempts: the longest Retry-After that OpenAI's client waits for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row."""

    id: str
    status: str
    """One of `replies.STATUSES` if there is an answer, else one of `failures.OPEN`."""
    key: str = ""
    template: str = ""
    critique: str = ""
    optimized_instruction: str = ""
    detail: str = ""
    teacher: str = ""
    """The model that answered."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usd: float | None = None
    """None: price or tokens are unknown, or nothing was answered."""
    final: bool = False
    """Whether there is an answer, so that no run asks again."""
    asked: bool = False
    """Whether the answer is of this run and not from the ledger."""


class Teacher:
    """Calls for one configuration, with one ledger; copies in other processes keep limits of their own."""

    def __init__(self, config: TeacherConfig, ledger: Ledger, spent: float = 0.0) -> None:
        """`spent` USD count towards the limit already."""
        self.config = config
        self.ledger = ledger
        self.brake = Brake(config.max_usd, spent, max(PATIENCE, 2 * config.concurrency))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._places: asyncio.Semaphore

    async def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Like `ask`, for a row with the fields of a `Preference`: gives the fields of an `Outcome`."""
        try:
            preference = Preference(**{field.name: row[field.name] for field in fields(Preference)})
            outcome = await self.ask(preference)
        except Exception as error:  # noqa: BLE001  # a row that raises is tried for ever by some engines
            outcome = Outcome(str(row.get("id", "")), "not_sent", detail=failure_of(error, "").detail)
        return asdict(outcome)

    async def ask(self, preference: Preference) -> Outcome:
        """The answer for a preference, or why there is none."""
        request = request_of(preference, self.config)
        line = self.ledger.get(request.key)
        if line is not None:
            return outcome_of(preference, request, line, self.config)
        found = await self.send(request)
        if isinstance(found, Failure):
            return Outcome(preference.id, found.status, request.key, request.template, detail=found.detail)
        return outcome_of(preference, request, found, self.config, asked=True)

    async def aclose(self) -> None:
        """Close the connections; a further call makes new ones."""
        client, self._client, self._loop = self._client, None, None
        if client is not None:
            await client.close()

    def __repr__(self) -> str:
        return f"<Teacher {self.config.model} at {self.config.base_url}>"

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "ledger": self.ledger, "spent": self.brake.spent}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Teacher.__init__(self, **state)

    async def send(self, request: Request) -> Line | Failure:
        """One request with all its attempts, whatever the ledger holds; an answer is there when this returns."""
        self._connect()
        async with self._places:
            if self.brake.reason:
                return Failure("not_asked", self.brake.reason)
            found = await self._post(request)
            if not isinstance(found, Failure):
                found = self._store(found)
            if isinstance(found, Failure):
                self.brake.failed(found.status, found.detail)
            return found

    async def _post(self, request: Request) -> Line | Failure:
        """What the endpoint answered, whatever that was."""
        limit = (self.config.retries + 1) * (self.config.timeout_s + LONGEST_PAUSE_S)  # for servers that drip
        try:
            async with asyncio.timeout(limit):
                text = await self._open().post("/chat/completions", body=request.body, cast_to=str)
            body = json.loads(text)
            if not is_final(200, body):
                raise MalformedError(f"no chat completion: {text}")
        except Exception as error:  # noqa: BLE001  # every failure has a name, and none may end the run
            failure = failure_of(error, self._key())
            judged = {"error": {"code": getattr(error, "code", None), "message": failure.detail}}
            if is_final(failure.status_code, judged):
                return line_of(request.key, failure.status_code, judged)
            return failure
        return line_of(request.key, 200, body)

    def _store(self, line: Line) -> Line | Failure:
        """Keep an answer and count its price; there is no await between its arrival and this."""
        try:
            self.ledger.put([line])
        except OSError as error:
            return Failure("not_stored", failure_of(error, "").detail)
        self.brake.paid(price_of(line, self.config))
        return line

    def _connect(self) -> None:
        """Begin anew in another event loop: neither client nor semaphore may be taken along."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._client = loop, None
            self._places = asyncio.Semaphore(self.config.concurrency)

    def _open(self) -> Any:
        """The client, made once a loop."""
        if self._client is None:
            import openai

            self._client = openai.AsyncOpenAI(
                base_url=self.config.base_url, api_key=self.config.key() or "none",
                max_retries=self.config.retries, timeout=self.config.timeout_s,
                http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),  # prompts go to base_url only
            )  # fmt: skip
        return self._client

    def _key(self) -> str:
        """The key, to take it out of messages."""
        return self.config.key() if self._client is not None else ""


def outcome_of(
    preference: Preference, request: Request, line: Line, config: TeacherConfig, *, asked: bool = False
) -> Outcome:
    """Read an answer."""
    reply = read_reply(line["response"]["body"])
    return Outcome(
        preference.id, reply.status, request.key, request.template, reply.critique, reply.optimized_instruction,
        reply.detail, reply.model or config.model, reply.prompt_tokens, reply.completion_tokens,
        price_of(line, config), True, asked,
    )  # fmt: skip


def price_of(line: Line, config: TeacherConfig) -> float | None:
    """What an answer cost; an error is not charged, and only lines of a batch have an id."""
    if line["response"]["status_code"] != 200:
        return 0.0
    reply = read_answer(line["response"]["body"])
    return config.usd(reply.prompt_tokens, reply.completion_tokens, batch="id" in line)
