"""Changes of a prompt that a good rewrite has to beat: they know nothing of the prompt, or too much of the answer."""

import re
from collections.abc import Sequence

SUFFIX = "Please give a helpful and detailed answer."
"""What one sentence for all prompts achieves."""
_WORD = re.compile(r"[^\W\d_]{3,}")


def others(rewrites: Sequence[str]) -> list[str]:
    """For each item the rewrite of the next one: a text of the same kind that cannot help."""
    return [*rewrites[1:], *rewrites[:1]]


def bag_of_good_words(prompt: str, good: str, bad: str, rewrite: str) -> str:
    """The prompt and words of the good answer that neither the bad one nor the prompt has.

    As many as the rewrite is longer, at least one. It leaks the answer on purpose: a rewriter
    that had seen the answers would gain like this without improving anything.
    """
    known = {word.lower() for text in (prompt, bad) for word in _WORD.findall(text)}
    fresh = dict.fromkeys(word for word in _WORD.findall(good.lower()) if word not in known)
    count = max(1, len(rewrite.split()) - len(prompt.split()))
    return " ".join([prompt, *list(fresh)[:count]])
