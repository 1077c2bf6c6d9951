"""The same prompts as hasty users type them: targets stay clean, so that the optimizer learns to see through it."""

import hashlib
import random
import re
from collections.abc import Callable, Iterable, Iterator

from bpo_model.contract import verify
from training.pairs import Row

SHORT = {
    "you": "u", "are": "r", "please": "pls", "because": "bc", "your": "ur", "with": "w", "about": "abt",
    "people": "ppl", "what's": "whats", "don't": "dont", "i'm": "im", "can't": "cant",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w'/@#{<\".-])[a-z]{5,}(?![\w'/@:}>\"-]|\.\w)")
"""Plain words in lower case only: what stands in quotes, braces, paths or codes is no typo of the user's."""


def noisy_rows(rows: Iterable[Row], share: float, seed: int) -> Iterator[Row]:
    """For a share of the rows one with a noisy instruction, if its target still passes the contract.

    Which rows and which noise depends on seed and id alone. Unchanged rows get none: their target would be the noise.
    """
    for row in rows:
        rng = random.Random(hashlib.sha256(f"{seed} {row.id}".encode()).digest())
        if rng.random() >= share or row.instruction == row.optimized:
            continue
        noisy = noise(row.instruction, rng)
        if noisy != row.instruction and not verify(noisy, row.optimized):
            yield Row(f"{row.id}~noise", row.source, noisy, row.optimized)


def noise(text: str, rng: random.Random) -> str:
    """One to three ways of being hasty, in a fixed order."""
    chosen = set(rng.sample(range(len(_WAYS)), rng.randint(1, 3)))
    for number, way in enumerate(_WAYS):
        if number in chosen:
            text = way(text, rng)
    return text


def _lower(text: str, rng: random.Random) -> str:
    return text.lower()


def _no_end(text: str, rng: random.Random) -> str:
    """Without the last mark."""
    return text.rstrip().rstrip("?.!")


def _shorten(text: str, rng: random.Random) -> str:
    """Spelling of chats."""
    return re.sub(r"[\w']+", lambda match: SHORT.get(match[0].lower(), match[0]), text)


def _typos(text: str, rng: random.Random) -> str:
    """Two letters change places in one or two words, never the first or the last."""
    found = list(_WORD.finditer(text))
    for match in sorted(rng.sample(found, min(len(found), rng.randint(1, 2))), key=lambda one: -one.start()):
        at = match.start() + rng.randint(1, len(match[0]) - 3)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


_WAYS: tuple[Callable[[str, random.Random], str], ...] = (_typos, _shorten, _no_end, _lower)
