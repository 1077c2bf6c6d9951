"""Remembers what the model wrote, so that the same prompt costs nothing the second time.

Kept are raw candidates under a hash of weights, settings and prompt: prompts are never
stored, and every candidate is verified again when it is used. Both caches are bounded, and a
candidate that seems to hold a key or a password is not kept.
"""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from typing import Literal, Protocol

from bpo_model.after_fork import reset_after_fork
from bpo_model.engines.base import Candidate, Request

ENTRIES = 4096
"""Candidates kept in memory, the newest used ones; a few hundred bytes each."""
SECRET = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|hf|npm|pypi|AKIA|ASIA|AIza)[-_A-Za-z0-9]{12,}"
    r"|-----BEGIN |\beyJ[\w-]{8,}\.[\w-]{8,}"
    r"|\b(?:password|passwd|secret|token|api[ _-]?key)\b(?:\W{0,3}[:=]\W{0,3}| is )\S{6,}"
    r"|\b(?=[\w+/]*\d)(?=[\w+/]*[A-Za-z])[\w+/]{32,}",
    re.IGNORECASE,
)
"""Known key formats, `password: ...`, and any long mix of letters and digits."""


_ENDS: tuple[Literal["stop", "length"], ...] = ("stop", "length")
"""How a candidate that is kept may have ended; another end, as in a damaged file, must not come back as one of them."""


class Cache(Protocol):
    """Candidates of one model by request."""

    def get(self, request: Request) -> Candidate | None:
        """The candidate, with token counts of 0 because no model ran; None if it is not known."""
        ...

    def put(self, request: Request, candidate: Candidate) -> None:
        """Remember a candidate that the model finished."""
        ...


class Store(Protocol):
    """Where candidates lie: texts and end reasons under 32-byte keys."""

    def read(self, key: bytes) -> tuple[str, str] | None:
        """(text, finish), or None."""
        ...

    def write(self, key: bytes, text: str, finish: str) -> None:
        """Keep; may drop the entry that was used least recently."""
        ...


class MemoryStore:
    """A bounded dict for the whole process; safe to use from any thread or forked child."""

    def __init__(self, entries: int = ENTRIES) -> None:
        """Start empty."""
        self._limit = entries
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Forget everything."""
        self._entries: OrderedDict[bytes, tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, key: bytes) -> tuple[str, str] | None:
        """Look up, and mark as used."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def write(self, key: bytes, text: str, finish: str) -> None:
        """Keep, and drop the oldest beyond the limit."""
        with self._lock:
            self._entries[key] = (text, finish)
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        """Entries."""
        return len(self._entries)


class ModelCache:
    """The candidates of one model in a store that several models share."""

    def __init__(self, store: Store, model: str) -> None:
        """`model` names weights, template and engine settings; never holds keys."""
        self._store, self._model = store, model

    def get(self, request: Request) -> Candidate | None:
        """See `Cache`."""
        found = self._store.read(self._key(request))
        if found is None:
            return None
        text, finish = found
        return Candidate(text, 0, 0, finish) if finish in _ENDS else None

    def put(self, request: Request, candidate: Candidate) -> None:
        """See `Cache`."""
        if candidate.finish in _ENDS and not SECRET.search(candidate.text):
            self._store.write(self._key(request), candidate.text, candidate.finish)

    def _key(self, request: Request) -> bytes:
        """Hash of everything that determines the candidate."""
        prompt = request.prompt
        sampling = [request.max_tokens, request.temperature, request.top_p, request.seed, request.logit_bias]
        sampling += [request.frequency_penalty]
        # ASCII escapes keep lone surrogates encodable.
        parts = json.dumps([self._model, prompt.before, prompt.text, prompt.after, prompt.reply, sampling])
        return hashlib.sha256(parts.encode("ascii")).digest()


class NoCache:
    """Remembers nothing."""

    def get(self, request: Request) -> Candidate | None:
        """Nothing."""
        return None

    def put(self, request: Request, candidate: Candidate) -> None:
        """Nothing."""


MEMORY = MemoryStore()
"""The process's own."""
