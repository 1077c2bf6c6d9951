"""Remember which user turns went out rewritten, and send them the same way again.

A client of a gateway keeps its own history, with the words it sent. Without this, a turn would go
out rewritten while it is the newest and as the original ever after, and the provider's prompt
cache, which matches from the start, would miss from that turn on.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from bpo_model.after_fork import reset_after_fork

REMEMBERED = 10_000
"""Turns; the oldest are forgotten, which costs a cache miss at the provider and nothing else."""


class Replay:
    """Rewritten messages by a hash of the conversation up to them; only of this process."""

    def __init__(self) -> None:
        self._sent: OrderedDict[bytes, Any] = OrderedDict()
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """A forked child may find the lock taken by a thread that it does not have."""
        self._lock = threading.Lock()

    def earlier(self, messages: Sequence[Any], turns: Sequence[Any]) -> list[Any]:
        """The messages with every turn but the last as it was sent before."""
        with self._lock:
            known = [
                self._sent.get(digest) if turn.get("role") == "user" else None
                for digest, turn in zip(_digests(messages), turns, strict=False)
            ]
        known = [*known[:-1], None]
        return [message if sent is None else sent for message, sent in zip(messages, known, strict=True)]

    def remember(self, messages: Sequence[Any], sent: Sequence[Any]) -> None:
        """Note what the last message became."""
        digest = list(_digests(messages))[-1]
        with self._lock:
            self._sent[digest] = sent[-1]
            self._sent.move_to_end(digest)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)


def _digests(messages: Sequence[Any]) -> Iterator[bytes]:
    """For each message, a hash of the conversation up to and with it."""
    running = hashlib.sha256()
    for message in messages:
        text = json.dumps(message, sort_keys=True, default=repr)
        running.update(text.encode("utf-8", "surrogatepass") + b"\0")
        yield running.copy().digest()
