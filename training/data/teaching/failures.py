"""What it means when a request brings no answer: a status that can be counted, and words for people."""

import json
from dataclasses import dataclass
from typing import Any

_LONGEST = 300
OPEN = {
    "http_NNN": "the endpoint answered with this code after all attempts",
    "no_quota": "the account is empty",
    "timeout": "no answer in time, at the last attempt as well",
    "unreachable": "no connection, at the last attempt as well",
    "malformed": "the endpoint sent something that is no chat completion",
    "not_stored": "the ledger could not be written",
    "not_asked": "the run was stopped before this row",
    "not_sent": "the row cannot be made into a request",
}
"""Status of a row without an answer -> what it means. The next run asks again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer."""

    status: str
    """One of `OPEN`."""
    detail: str
    """Without the key."""
    status_code: int = 0
    """HTTP's; 0 without a response."""
    error: Any = None
    """The endpoint's own object, if it sent one: an error that judges the content is an answer of a kind."""


class MalformedError(ValueError):
    """The endpoint answered 200 with something that is no chat completion, as proxies under load do."""


def failure_of(error: Exception, key: str) -> Failure:
    """Name what went wrong; there is a name for everything."""
    import openai

    if isinstance(error, openai.APIStatusError):
        status = "no_quota" if "insufficient_quota" in (error.code, error.type) else f"http_{error.status_code}"
        return Failure(status, f"{error.status_code}: {_clean(_said(error), key)}", error.status_code, error.body)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Failure("timeout", "no answer in time")
    if isinstance(error, openai.APIConnectionError):
        return Failure("unreachable", f"no connection: {type(error.__cause__).__name__}")
    if isinstance(error, MalformedError | json.JSONDecodeError):
        return Failure("malformed", _clean(str(error), key))
    return Failure("not_sent", _clean(f"{type(error).__name__}: {error}", key))


def _said(error: Any) -> str:
    """The endpoint's own words."""
    body = error.body
    said = body.get("message") if isinstance(body, dict) else None
    return str(said or body or "without a reason")


def _clean(text: str, key: str) -> str:
    """One short line that can be written; the key goes first, since half of one would not be found."""
    plain = (text.replace(key, "***") if key else text).encode("utf-8", "backslashreplace").decode()
    return " ".join(plain.split())[:_LONGEST]
