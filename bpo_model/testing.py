"""Test doubles for code that uses an optimizer: no model, no download, no waiting."""

from collections.abc import Callable, Sequence
from typing import Any

from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.config import Options
from bpo_model.engines.base import Candidate, Generated, Request, never
from bpo_model.errors import GenerationError
from bpo_model.optimizer import PromptOptimizer


def add_please(instruction: str) -> str:
    """The default rewrite: visibly different, and it passes the contract."""
    return f"{instruction.rstrip()} Please explain your answer."


class FakeEngine:
    """An engine that applies a function; raises what the function raises, as a value."""

    name = "fake"

    def __init__(self, rewrite: Callable[[str], str] = add_please) -> None:
        """`rewrite` gets the instruction and returns the candidate."""
        self.rewrite = rewrite
        self.calls: list[list[str]] = []
        """The instructions of every `generate` call, for assertions on batching."""

    def generate(self, requests: Sequence[Request], cancelled: Callable[[], bool] = never) -> list[Generated]:
        """One candidate a request, at the price of a function call."""
        self.calls.append([request.prompt.text for request in requests])
        return [self._one(request.prompt.text) for request in requests]

    def _one(self, text: str) -> Generated:
        """A candidate, or the error that the function raised."""
        try:
            rewritten = self.rewrite(text)
            return Candidate(rewritten, len(text.split()), len(rewritten.split()))
        except Exception as error:  # noqa: BLE001  # stands for whatever a model may do wrong
            return GenerationError(str(error))


class FakeOptimizer(PromptOptimizer):
    """The real pipeline (messages, gate, split, contract) around a function instead of a model.

    Skips the gate by default, so that short test prompts are rewritten.
    """

    def __init__(
        self,
        rewrite: Callable[[str], str] = add_please,
        options: Options | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Rewrite with a function; see `FakeEngine`."""
        self.fake = FakeEngine(rewrite)
        super().__init__(self.fake, checkpoint or load_checkpoint(), options or Options(rewrite="always"))

    @property
    def calls(self) -> list[list[str]]:
        """The instructions of every engine call."""
        return self.fake.calls

    def __reduce__(self) -> tuple[Any, ...]:
        """By specification, like the real one; the function must be picklable."""
        return type(self), (self.fake.rewrite, self.options, self.checkpoint)
