"""Candidates for rewrites, from a generator that sees the prompt and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from bpo_model import AGGRESSIVE, OptimizedPrompt, PromptOptimizer, Reason
from bpo_model.errors import GenerationError
from bpo_model.split import split


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole prompt that a generator wrote."""

    text: str
    problem: str = ""
    """Why the generator itself does not stand by it, such as `contract:numbers_kept`."""


Drawn: TypeAlias = list[Draft] | GenerationError
"""A prompt that the generator failed on is a value, and is tried again by the next run."""


class Draw(Protocol):
    """A generator: it takes prompts alone, so that it cannot give an answer away."""

    name: str
    """Tells it and its settings from others; part of every key in a ledger."""

    def __call__(self, prompts: Sequence[str]) -> list[Drawn]:
        """Drafts for every prompt, in order."""
        ...


class OptimizerDraw:
    """Draws from an optimizer: its greedy rewrite, and samples."""

    def __init__(self, optimizer: PromptOptimizer, k: int = 8, temperature: float = 0.9, seed: int = 0) -> None:
        """Draw `k` candidates a prompt, the first greedily; the gate is not asked.

        The temperature is above the 0.6 of run time: equal candidates are wasted.
        """
        self._optimizer = optimizer
        # `prefer_changed`, else a majority for the original would hide the other candidates.
        self._mode = replace(
            AGGRESSIVE, temperature=0.0, retry_temperature=temperature, retries=0, candidates=k, seed=seed
        )
        self.name = f"{optimizer.checkpoint.identity} {optimizer.checkpoint.template.text!r} {self._mode}"

    def __call__(self, prompts: Sequence[str]) -> list[Drawn]:
        """Verified candidates, and rejected ones with the check that they failed."""
        results = self._optimizer.optimize_batch(
            list(prompts), mode=self._mode, rewrite="always", on_error="passthrough", candidates=None, iterations=1
        )
        return [_drafts(result) for result in results]


def _drafts(result: OptimizedPrompt) -> Drawn:
    """What an optimizer's result says about all of its candidates."""
    if result.reason is Reason.ERROR:
        return GenerationError(result.detail)
    put_back = split(result.original).put_back
    failed: dict[str, str] = {}
    for violation in result.violations:
        failed.setdefault(put_back(violation.candidate), f"contract:{violation.check}")
    return [*map(Draft, result.candidates), *(Draft(text, problem) for text, problem in failed.items())]
