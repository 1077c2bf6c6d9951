"""Which texts an optimizer wrote itself, so that a chain never rewrites twice."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable

from bpo_model.after_fork import reset_after_fork

REMEMBERED = 4096


class OwnTexts:
    """Hashes of the newest texts, never the texts."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[bytes, None] = OrderedDict()
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """A forked child may find the lock taken by a thread that it does not have."""
        self._lock = threading.Lock()

    def __contains__(self, text: str) -> bool:
        """Whether the text was added lately."""
        with self._lock:
            return _digest(text) in self._hashes

    def add(self, texts: Iterable[str]) -> None:
        """Remember, and forget the oldest beyond the limit."""
        with self._lock:
            self._hashes.update((_digest(text), None) for text in texts)
            while len(self._hashes) > REMEMBERED:
                self._hashes.popitem(last=False)


def _digest(text: str) -> bytes:
    """Short hash of a text; lone surrogates allowed."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
