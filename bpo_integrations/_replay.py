"""Remember which user turns went out rewritten, and send them the same way again.

A client of a gateway keeps its own history, with the words it sent. Without this, a turn would go
out rewritten while it is the newest and as the original ever after, and the provider's prompt
cache, which matches from the start, would miss from that turn on.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from bpo_model.after_fork import reset_after_fork
from bpo_model.messages import find_target, put_back
from bpo_model.schema import Message

CHARACTERS = 32_000_000
"""Of rewritten texts; those not used for longest are forgotten, which costs a cache miss at the provider."""
OVERHEAD = 300
"""What an entry weighs beside its text, in bytes; so there are never more than some 100,000."""


class Replay:
    """Rewritten texts by a fingerprint of the conversation up to them; only of this process."""

    def __init__(self) -> None:
        self._sent: OrderedDict[bytes, str] = OrderedDict()
        self._size = 0
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """A forked child may find the lock taken by a thread that it does not have."""
        self._lock = threading.Lock()

    def earlier(self, messages: Sequence[Any], turns: Sequence[Message], prints: Sequence[bytes]) -> list[Any]:
        """The messages, every user turn but the last with the text that it was sent with before.

        `turns` are the messages as the optimizer reads them: what has another role there is not the user's.
        """
        both = zip(messages[:-1], turns, prints, strict=False)
        return [*(self._again(message, turn, mark) for message, turn, mark in both), *messages[-1:]]

    def remember(self, mark: bytes, text: str) -> None:
        """Note what became of the last message of a conversation with this fingerprint."""
        with self._lock:
            self._size += len(text) + OVERHEAD - self._weight(self._sent.pop(mark, None))
            self._sent[mark] = text
            while self._size > CHARACTERS:
                self._size -= self._weight(self._sent.popitem(last=False)[1])

    def _again(self, message: Any, turn: Message, mark: bytes) -> Any:
        """One message as it was sent before, or as it is; everything but the text is the client's of today."""
        with self._lock:
            text = self._sent.get(mark) if turn["role"] == "user" else None
            if text is None:
                return message
            self._sent.move_to_end(mark)
        return put_back([turn], find_target([turn]), text)[0]

    @staticmethod
    def _weight(text: str | None) -> int:
        """What an entry counts for; nothing if there is none."""
        return 0 if text is None else len(text) + OVERHEAD


def fingerprints(messages: Sequence[Any]) -> list[bytes]:
    """For each message, a hash of the conversation up to and with it."""
    running, found = hashlib.sha256(), []
    for message in messages:
        running.update(json.dumps(_seen(message), sort_keys=True, default=repr).encode())
        found.append(running.digest())
    return found


def _seen(value: Any) -> Any:
    """What the model sees of a message, so that a client may move its cache marks from turn to turn.

    The mark sits on the newest turn only, and many clients turn the text into a part to hold it.
    """
    if isinstance(value, Mapping):
        return {key: _seen(item) for key, item in value.items() if key != "cache_control"}
    if not isinstance(value, list):
        return value
    match parts := [_seen(item) for item in value]:
        case [{"type": "text" | "input_text", "text": str(text), **rest}] if not rest:
            return text
    return parts
