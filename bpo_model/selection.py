"""Choose among verified candidates."""

from collections.abc import Sequence
from difflib import SequenceMatcher


def choose(candidates: Sequence[str], original: str, *, prefer_changed: bool) -> str:
    """The candidate that is most like the others: minimum Bayes risk under word overlap.

    No scorer is needed, an outlier is never taken, and the first one wins a tie, so that
    the greedy candidate stands unless the samples agree on something else.

    >>> choose(["a b", "a b c", "x"], "a", prefer_changed=False)
    'a b'
    """
    changed = [candidate for candidate in candidates if candidate != original]
    options = changed if prefer_changed and changed else list(candidates)
    if len(options) <= 2:
        return options[0]
    return max(options, key=lambda option: sum(_overlap(option, other) for other in options))


def _overlap(left: str, right: str) -> float:
    """Share of words that two texts have in common, in order; 0 to 1."""
    return SequenceMatcher(None, left.split(), right.split(), autojunk=False).ratio()
