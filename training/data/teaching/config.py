"""Which teacher is asked, how, and what it may cost. The key itself is in none of it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BATCH_DISCOUNT = 0.5
"""What a batch costs of the price of single requests, at OpenAI and those who follow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherConfig:
    """A model behind an OpenAI-compatible endpoint.

    Raises:
        ValueError: If a value cannot work, or if a limit is set on a cost that nobody can know.
    """

    base_url: str
    """Up to and with `/v1`; it may hold no password, since it is shown in messages."""
    model: str
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None: the server wants none."""
    temperature: float = 0.9
    """The paper's."""
    max_tokens: int = 1024
    """For critique and instruction; an answer that needs more is cut, and counted as that."""
    concurrency: int = 8
    """Requests on their way at once; also what a crash or the limit on cost can miss by."""
    price_in: float | None = None
    """USD for a million tokens read; None is unknown, and a model of your own costs 0."""
    price_out: float | None = None
    """USD for a million tokens written."""
    max_usd: float | None = None
    """What the answers of all rows that are asked for may cost, with those that the ledger holds already."""
    timeout_s: float = 120.0
    """For one attempt."""
    retries: int = 6
    """Further attempts after a failure that may pass."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """More of the request's body, as the server calls it; None leaves one of ours out."""

    def __post_init__(self) -> None:
        """Refuse what cannot work before the first request."""
        if not re.fullmatch(r"https?://[^@\s]+", self.base_url):
            raise ValueError("base_url must be an http(s) URL without user and password; the key goes into api_key_env")
        if self.concurrency < 1 or self.retries < 0 or self.max_tokens < 1 or self.timeout_s <= 0:
            raise ValueError(
                f"concurrency and max_tokens must be >= 1, retries >= 0 and timeout_s > 0, got {self.concurrency}, "
                f"{self.max_tokens}, {self.retries} and {self.timeout_s}"
            )
        if self.max_usd is not None and None in {self.price_in, self.price_out}:
            raise ValueError(
                f"a limit of ${self.max_usd:g} cannot be kept: the price of {self.model!r} is unknown. "
                "Give price_in and price_out (0 for a model of your own), or set no limit."
            )

    def usd(self, read: int | None, written: int | None, *, batch: bool = False) -> float | None:
        """Price of an answer by its tokens; None if price or tokens are unknown. Cached tokens count in full."""
        if self.price_in is None or self.price_out is None:
            return None
        if self.price_in == self.price_out == 0:
            return 0.0
        if read is None or written is None:
            return None
        return (read * self.price_in + written * self.price_out) / 1e6 * (BATCH_DISCOUNT if batch else 1.0)

    def key(self) -> str:
        """The key, from the environment each time; empty if the server wants none.

        Raises:
            ValueError: If the variable is not set, or holds what no HTTP header may.
        """
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if not (key and key.isascii() and key.isprintable()):
            raise ValueError(f"${self.api_key_env} must hold the key for {self.base_url}; it is not set or not plain")
        return key
