"""The second step: an LLM answers. Ledger, attempts, limits and prices are those of the teacher of `training.data`."""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.data.teaching.config import TeacherConfig
from training.data.teaching.failures import Failure
from training.data.teaching.ledger import Ledger, Line
from training.data.teaching.replies import Answer, read_answer
from training.data.teaching.request import SEEDS, Request, stable_hash
from training.data.teaching.teacher import Teacher, price_of

KIND = "answer"
"""In the key, in the place of a teacher's template."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What some requests brought, from this run, earlier ones or a batch."""

    found: Mapping[str, Answer | Failure]
    """By the request's key."""
    cost: float | None
    """USD of all answers; None: a price or token count is unknown."""
    asked: int
    """Answers that this run asked for."""
    stopped: str
    """Why not all was asked; empty if it was."""


def answer_request(id: str, prompt: str, config: TeacherConfig) -> Request:
    """The same request for the same row and settings, on every machine and in every run.

    The seed is the row's, not the prompt's: original and optimized prompt of a row are sampled alike, and one that
    was not rewritten is one request.
    """
    ours = {
        "model": config.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
        "seed": stable_hash(id, SEEDS),
    }
    body = {name: value for name, value in {**ours, **config.params}.items() if value is not None}
    canonical = json.dumps({"body": body, "kind": KIND}, sort_keys=True, separators=(",", ":"))
    return Request(hashlib.sha256(canonical.encode()).hexdigest(), KIND, body)


def ask_all(requests: Iterable[Request], config: TeacherConfig, ledger: Ledger, *, progress: bool = True) -> Answers:
    """Answer every request from the ledger, and ask for the rest; a second run asks for nothing.

    Raises:
        ValueError: If a key is needed and missing.
    """
    ledger.refresh()
    by_key = {request.key: request for request in requests}
    known = {key: line for key in by_key if (line := ledger.get(key)) is not None}
    todo = [request for key, request in by_key.items() if key not in known]
    if todo:
        config.key()  # before the first request, not as a failure of each
    teacher = Teacher(config, ledger, spent=sum(price_of(line, config) or 0.0 for line in known.values()))
    new = asyncio.run(_ask(todo, teacher, progress))
    found: dict[str, Line | Failure] = {**known, **new}
    prices = [price_of(one, config) for one in found.values() if not isinstance(one, Failure)]
    return Answers(
        {key: one if isinstance(one, Failure) else read_answer(one["response"]["body"]) for key, one in found.items()},
        None if None in prices else sum(price for price in prices if price is not None),
        sum(not isinstance(one, Failure) for one in new.values()),
        teacher.brake.reason if any(isinstance(one, Failure) for one in new.values()) else "",
    )


async def _ask(requests: Sequence[Request], teacher: Teacher, progress: bool) -> dict[str, Line | Failure]:
    """Ask with as many workers as may be on their way at once; what is answered is on the disk at once."""
    from tqdm import tqdm

    found: dict[str, Line | Failure] = {}
    left = iter(requests)

    async def work(bar: Any) -> None:
        for request in left:
            found[request.key] = await teacher.send(request)
            bar.set_postfix_str(f"${teacher.brake.spent:.2f}", refresh=False)
            bar.update()

    try:
        with tqdm(total=len(requests), unit="answer", desc=teacher.config.model, disable=not progress) as bar:
            await asyncio.gather(*(work(bar) for _ in range(teacher.config.concurrency)))
    finally:
        await teacher.aclose()
    return found
