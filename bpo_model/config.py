"""Settings, validated once: how to decode, when to rewrite, how much a rewrite may grow."""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypedDict, get_args

from bpo_model.schema import OnError, Rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How the optimizer decodes (not the LLM that answers)."""

    temperature: float = 0.0
    """Softmax temperature of the first candidate; 0 decodes greedily."""
    retry_temperature: float = 0.6
    """Temperature of all further candidates (the paper's 0.6)."""
    top_p: float = 0.9
    """Nucleus of the sampled candidates (the paper's 0.9)."""
    retries: int = 2
    """Further candidates that are drawn one by one, each only if the ones before failed a check."""
    candidates: int = 1
    """Candidates that are always drawn, in one batch; the best verified one is taken."""
    prefer_changed: bool = False
    """Take an unchanged candidate only if no changed one passes."""
    seed: int = 0
    """Seed of the sampled candidates: the same prompt gives the same rewrite."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not all(0 <= value < math.inf for value in (self.temperature, self.retry_temperature)):
            raise ValueError(
                f"temperatures must be >= 0 (0 is greedy), got {self.temperature}, {self.retry_temperature}"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.candidates < 1 or self.retries < 0:
            raise ValueError(f"candidates must be >= 1 and retries >= 0, got {self.candidates} and {self.retries}")


STABLE = SamplingConfig()
"""Greedy and repeatable: the default."""
AGGRESSIVE = SamplingConfig(temperature=0.6, candidates=4, prefer_changed=True)
"""Samples several candidates and prefers one that changes the prompt."""
MODES = {"stable": STABLE, "aggressive": AGGRESSIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """When a prompt is left alone; part of a checkpoint, overridable by the user."""

    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages the checkpoint was trained on; empty: all."""
    max_words: int = 250
    """Longer instructions are left alone, never cut."""
    skip_specific: bool = True
    """Leave prompts alone that already say in detail what they want."""
    skip_multiple_choice: bool = True
    skip_math: bool = True

    def __post_init__(self) -> None:
        """Refuse values that would silently stop every prompt."""
        if not isinstance(self.languages, tuple) or not all(isinstance(code, str) for code in self.languages):
            raise ValueError(f"languages must be a tuple of codes such as ('en',), got {self.languages!r}")
        if not isinstance(self.max_words, int) or self.max_words < 1:
            raise ValueError(f"max_words must be a whole number >= 1, got {self.max_words!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBudget:
    """How long a rewrite may be, in words."""

    factor: float = 2.5
    """Times the words of the instruction, plus ..."""
    extra_words: int = 30

    def __post_init__(self) -> None:
        """Refuse values that cannot be counted with."""
        for name, value in (("factor", self.factor), ("extra_words", self.extra_words)):
            if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number >= 0, got {value!r}")

    def limit(self, words: int) -> int:
        """Most words that a rewrite of an instruction with so many words may have."""
        return int(self.factor * words) + self.extra_words


MAX_DEADLINE_MS = 86_400_000

CacheKind: TypeAlias = Literal["memory", "disk", "off"]
"""Where candidates are remembered: in the process, in the user's cache folder, or nowhere."""


class Overrides(TypedDict, total=False):
    """Options that every call of `optimize` accepts; see `Options`."""

    mode: SamplingConfig
    candidates: int | None
    iterations: int
    deadline_ms: float | None
    rewrite: Rewrite
    on_error: OnError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one call runs; set once in `from_pretrained`, overridable in every call."""

    mode: SamplingConfig = STABLE
    candidates: int | None = None
    """Verified best-of-n; None: what the mode says."""
    iterations: int = 1
    """How often the result is fed back (section 4.5 of the paper); stops when nothing changes."""
    deadline_ms: float | None = None
    """After so many milliseconds the original goes out; None waits."""
    rewrite: Rewrite = "auto"
    on_error: OnError = "passthrough"

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming them."""
        if not isinstance(self.mode, SamplingConfig):
            raise TypeError(f"mode must be STABLE, AGGRESSIVE or a SamplingConfig, got {self.mode!r}")
        if self.candidates is not None and not (isinstance(self.candidates, int) and self.candidates >= 1):
            raise ValueError(f"candidates must be >= 1 or None (what the mode says), got {self.candidates!r}")
        if not (isinstance(self.iterations, int) and self.iterations >= 1):
            raise ValueError(f"iterations must be >= 1, got {self.iterations!r}")
        timed = self.deadline_ms is not None
        if timed and not (isinstance(self.deadline_ms, (int, float)) and 0 < self.deadline_ms <= MAX_DEADLINE_MS):
            raise ValueError(f"deadline_ms must be > 0 and at most a day, or None (wait), got {self.deadline_ms!r}")
        if self.rewrite not in get_args(Rewrite):
            raise ValueError(f"rewrite must be one of {', '.join(get_args(Rewrite))}, got {self.rewrite!r}")
        if self.on_error not in get_args(OnError):
            raise ValueError(f"on_error must be one of {', '.join(get_args(OnError))}, got {self.on_error!r}")

    @property
    def sampling(self) -> SamplingConfig:
        """The mode with the number of candidates applied."""
        return self.mode if self.candidates is None else replace(self.mode, candidates=self.candidates)
