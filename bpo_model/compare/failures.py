"""What it means when a call to an endpoint fails: whether to try again, when, and what to say."""

import email.utils
import json
import math
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

DROPPABLE = ("temperature", "max_tokens")
"""Parameters that some models refuse, and without which an answer is still worth having."""
PASSING = frozenset({408, 409, 425, 429})
"""Refusals that may be gone at the next attempt, as are all from 500 on."""
_REFUSED = re.compile(
    r"unsupported|not support|isn't supported|deprecated|unknown|unrecognized|unexpected|not (?:permitted|allowed)",
    re.IGNORECASE,
)
_LONGEST = 500


class MalformedReplyError(ValueError):
    """The endpoint answered 200 with something that is no chat completion, as proxies under load do."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt."""

    message: str
    """Without the key."""
    status: int | None
    """HTTP's; None if there was no answer."""
    again: bool
    """Whether another attempt may succeed."""
    pause_s: float | None = None
    """What the server asked for."""


def failure_of(error: Exception, *, where: str, key: str) -> Failure:
    """Judge what one attempt raised; whatever is not the endpoint's doing is raised again."""
    import openai

    if isinstance(error, openai.APIStatusError):
        again = (error.status_code in PASSING or error.status_code >= 500) and not _out_of_quota(error)
        said = _clean(_said(error), key)
        return Failure(f"{where} answered {error.status_code}: {said}", error.status_code, again, _pause(error))
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Failure(f"{where} did not answer in time", None, True)
    if isinstance(error, openai.APIConnectionError):
        return Failure(f"could not reach {where}: {type(error.__cause__).__name__}", None, True)
    if isinstance(error, MalformedReplyError | openai.APIResponseValidationError | json.JSONDecodeError):
        return Failure(f"{where} answered with something else: {_clean(str(error), key)}", 200, True)
    raise error


def unsupported(error: Exception, sent: Collection[str]) -> str | None:
    """The parameter of those sent that a 400 or 422 says the model does not know, if it may be left out."""
    import openai

    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return None
    said = f"{error.code or ''} {_said(error)}"
    if not _REFUSED.search(said):
        return None
    if error.param in DROPPABLE:
        return error.param if error.param in sent else None
    return next((name for name in DROPPABLE if name in sent and re.search(rf"\b{name}\b", said)), None)


def _said(error: Any) -> str:
    """The endpoint's own words."""
    body = error.body
    said = body.get("message") if isinstance(body, Mapping) else None
    return str(said or body or "without a reason")


def _clean(text: str, key: str) -> str:
    """One short line; the key goes first, since half of one would not be found."""
    return " ".join((text.replace(key, "***") if key else text).split())[:_LONGEST]


def _out_of_quota(error: Any) -> bool:
    """Whether the account is empty: OpenAI says 429 then, and waiting does not fill it."""
    return "insufficient_quota" in {error.code, error.type}


def _pause(error: Any) -> float | None:
    """Seconds of a Retry-After header, which may be a number or a date."""
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name)) * unit
        if 0 <= seconds < math.inf:
            return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str | None) -> float:
    """NaN for what is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
