"""The first step: every prompt through the optimizer, as a user's would go, verified by the contract.

What it wrote is kept by content, so that a run which was cut off, or a larger sample, repeats nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.schema import Reason
from training.augment.examples import Example
from training.gain.ledger import Ledger, key_of

CHUNK = 32
"""Prompts that go to the model together; also what a crash can cost."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What became of a prompt."""

    text: str
    """The optimized prompt, or the original byte for byte."""
    reason: str
    """A `bpo_model.schema.Reason`."""

    @property
    def changed(self) -> bool:
        """Whether the text is another one than the prompt."""
        return self.reason == Reason.REWRITTEN.value


def rewrite(examples: Sequence[Example], file: Path, checkpoint: str | None, *, progress: bool = True) -> int:
    """Rewrite what the file lacks; returns on how many prompts the model failed, which the next run tries again.

    Raises:
        ModelLoadError: If there is no such optimizer.
        ValueError: If the file is damaged.
    """
    from tqdm import tqdm

    weights, failed = load_checkpoint(checkpoint).identity, 0
    with Ledger(file) as ledger:
        todo = [one for one in examples if key_of(weights, one.prompt) not in ledger]
        optimizer = PromptOptimizer.from_pretrained(checkpoint) if todo else None
        with tqdm(total=len(todo), unit="prompt", desc="rewriting", disable=not progress) as bar:
            for chunk in _chunks(todo):
                assert optimizer is not None
                for one, result in zip(chunk, optimizer.optimize_batch([row.prompt for row in chunk]), strict=True):
                    if result.reason is Reason.ERROR:
                        failed += 1
                    else:
                        value = {"text": result.text, "reason": result.reason.value}
                        ledger.put(key_of(weights, one.prompt), value)
                bar.update(len(chunk))
    return failed


def read_rewrites(examples: Sequence[Example], file: Path, checkpoint: str | None) -> dict[str, Rewrite]:
    """What is known, by the id of the example."""
    if not file.is_file():
        return {}
    weights = load_checkpoint(checkpoint).identity
    with Ledger(file) as ledger:
        keys = {one.id: key_of(weights, one.prompt) for one in examples}
        return {id: Rewrite(**ledger.get(key)) for id, key in keys.items() if key in ledger}


def optimizer_sha256(checkpoint: str | None) -> str:
    """A digest of what identifies the optimizer, which may hold a path that is nobody's business."""
    return key_of(load_checkpoint(checkpoint).identity)


def _chunks(rows: Sequence[Example]) -> Iterator[Sequence[Example]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
