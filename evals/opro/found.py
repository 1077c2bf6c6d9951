"""What a search found: one instruction, or one for each category, in a JSON file that the arm `opro` reads."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bpo_model.compare.types import Item

ALL = ""
"""The category of a search over a whole set."""
VERSION = 1
HELD_OUT = "held_out"
"""The folder beside the result with the prompts that no search has seen, one file a search."""


@dataclass(frozen=True, slots=True)
class Found:
    """The instructions of a result, and what must not be compared with them."""

    instructions: Mapping[str, str]
    """By category; `ALL` alone if the search was over the whole set."""
    searched: frozenset[str]
    """`prompt_sha` of every prompt that an instruction was scored on."""
    held_out: tuple[Path, ...]
    """Files of prompts, named after their categories, for `--sets`."""
    sha: str
    """SHA-256 of the instructions: what identifies the arm in the keys of a run."""

    def sent(self, item: Item) -> str:
        """The prompt with the instruction of its category.

        Raises:
            ValueError: If the search knew no such category.
        """
        category = ALL if ALL in self.instructions else item.category
        if category not in self.instructions:
            known = ", ".join(sorted(self.instructions))
            raise ValueError(f"{item.id}: no instruction was searched for category {category!r}; known: {known}")
        return with_instruction(self.instructions[category], item.prompt)

    def check_unseen(self, items: Sequence[Item]) -> None:
        """Refuse prompts on which an instruction was chosen: it would win on them by choice.

        Raises:
            ValueError: With their number and what to use instead.
        """
        seen = sum(prompt_sha(item.prompt) in self.searched for item in items)
        if seen:
            raise ValueError(
                f"{seen} of {len(items)} prompts were searched on, so that the instruction was chosen for them. "
                "Leave out --sets to compare on the held-out prompts, or give prompts of another set."
            )


def with_instruction(instruction: str, prompt: str) -> str:
    """The instruction on a line of its own in front of the prompt; without one the prompt as it is."""
    return f"{instruction}\n{prompt}" if instruction else prompt


def prompt_sha(prompt: str) -> str:
    """The same for prompts that differ in case and white space only."""
    return hashlib.sha256(" ".join(prompt.casefold().split()).encode()).hexdigest()


def split(items: Sequence[Item], train_share: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Items to search on, and items held out; equal prompts are always on the same side.

    A hash of seed and prompt decides, not the order, so that a longer set keeps every prompt on its side.

    Raises:
        ValueError: If a side has no item.
    """
    sides: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        digest = hashlib.sha256(f"{seed} {prompt_sha(item.prompt)}".encode()).digest()
        sides[int.from_bytes(digest[:8], "big") >= train_share * 2**64].append(item)
    if not all(sides):
        raise ValueError(
            f"{len(items)} prompts of {items[0].set if items else 'nothing'} split into {len(sides[0])} to search on "
            f"and {len(sides[1])} held out; both need some. Give more prompts, or another --train-share or --seed."
        )
    return sides


def load_found(file: Path) -> Found:
    """Read a result.

    Raises:
        ValueError: If the file is none.
    """
    try:
        searches = json.loads(file.read_text(encoding="utf-8"))["searches"]
        instructions = {one["category"]: one["instruction"] for one in searches}
        return Found(
            instructions,
            frozenset(sha for one in searches for sha in one["searched"]),
            tuple(file.parent / HELD_OUT / one["held_out_file"] for one in searches),
            hashlib.sha256(json.dumps(instructions, sort_keys=True).encode()).hexdigest(),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file.name} is no result of python -m evals.opro: {type(error).__name__} {error}") from None
