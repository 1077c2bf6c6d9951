"""From a preference to the request that is sent for it, and the key under which the answer is kept."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from training.data.teaching.config import TeacherConfig
from training.data.teaching.replies import RESPONSE_FORMAT
from training.data.teaching.templates import template_for
from training.data.types import Preference

SEEDS = 2**31
"""Every server takes a seed below this."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the teacher."""

    key: str
    """SHA-256 of all that the answer depends on: body (with model and parameters) and template."""
    template: str
    """Name and digest."""
    body: dict[str, Any]
    """JSON, as it is sent."""


def request_of(preference: Preference, config: TeacherConfig) -> Request:
    """The same request for the same row and settings, on every machine and in every run.

    Where it is sent does not enter the key: a batch, another address or a proxy may serve it just as well.
    """
    template = template_for(preference)
    ours = {
        "model": config.model,
        "messages": template.messages(preference),
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
        "seed": stable_hash(preference.id, SEEDS),
        "response_format": RESPONSE_FORMAT,
    }
    body = {name: value for name, value in {**ours, **config.params}.items() if value is not None}
    canonical = json.dumps({"body": body, "template": template.sha}, sort_keys=True, separators=(",", ":"))
    return Request(hashlib.sha256(canonical.encode()).hexdigest(), template.version, body)


def stable_hash(text: str, below: int) -> int:
    """A number in [0, below) that depends on the text alone, unlike Python's own hash."""
    return int.from_bytes(hashlib.sha256(json.dumps(text).encode()).digest()[:8]) % below
