"""What the server remembers: the newest results, in memory, until it ends."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from bpo_model.schema import OptimizedPrompt

MOST = 500
"""Results; each is a few kilobytes, more with a long prompt."""


@dataclass(slots=True)
class Session:
    """Results by a key that nobody can guess; the oldest go first."""

    results: OrderedDict[str, OptimizedPrompt] = field(default_factory=OrderedDict)

    def keep(self, result: OptimizedPrompt) -> str:
        """Remember a result; returns its key."""
        key = secrets.token_urlsafe(12)
        self.results[key] = result
        while len(self.results) > MOST:
            self.results.popitem(last=False)
        return key
