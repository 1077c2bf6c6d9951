"""Where a model is asked, with what, and for how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bpo_model.compare.budget import Budget
from bpo_model.compare.chat import OpenAIChat


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model behind an OpenAI-compatible endpoint."""

    base_url: str
    model: str
    api_key_env: str | None = None
    """The variable that holds the key; the key itself is never written down."""
    price_in: float | None = None
    """USD for a million tokens read; None is unknown, and never counted as 0."""
    price_out: float | None = None
    concurrency: int = 8
    params: Mapping[str, Any] = field(default_factory=dict)

    def connect(self, budget: Budget) -> OpenAIChat:
        """A chat; connects with the first call."""
        return OpenAIChat(
            self.base_url, self.model, self.api_key_env, params=self.params, concurrency=self.concurrency,
            price_in=self.price_in, price_out=self.price_out, budget=budget,
        )  # fmt: skip
