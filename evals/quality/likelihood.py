"""Preference likelihood: does a prompt make a language model prefer the answer that people preferred?

The margin of a prompt x is log p(good|x) - log p(bad|x), each as the mean over the answer's
tokens, in nats. The gain of a rewrite is its margin minus that of the original prompt. Read it
beside its controls only, see `CAVEATS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evals.quality.controls import SUFFIX, bag_of_good_words, others
from evals.quality.health import Rewriter
from evals.quality.measures import paired, share

CAVEATS = (
    "A diagnostic, no win rate: it says nothing about the answers that the target itself would write.",
    "Valid for rewriters that never saw the answers. Reference rewrites were written by somebody who did.",
    "The mean over tokens favours long answers less than the sum does; which answer is likelier at all depends on it.",
    "A small language model's likelihoods say little about a large one's; take one of at least a billion parameters.",
    "A gain counts only if it is larger than the controls' gains: other items' rewrites have gained as much before.",
)


class LanguageModel(Protocol):
    """Anything that can tell how likely an answer is after a prompt."""

    name: str

    def mean_logprob(self, prompt: str, answer: str) -> float:
        """Mean log probability of the answer's tokens, in nats, after the prompt as a user's turn."""
        ...


@dataclass(frozen=True, slots=True)
class Triple:
    """A prompt with the better and the worse answer to it."""

    prompt: str
    good: str
    bad: str


def triples(rows: Sequence[Mapping[str, Any]]) -> list[Triple]:
    """Rows that have two different answers, in `good_res` and `bad_res`."""
    found = [Triple(row["prompt"], row.get("good_res") or "", row.get("bad_res") or "") for row in rows]
    return [one for one in found if one.good.strip() and one.bad.strip() and one.good != one.bad]


def likelihood(items: Sequence[Triple], rewriter: Rewriter, model: LanguageModel) -> dict[str, Any]:
    """Gains of the rewrites and of every control over the original prompt, on items that were rewritten."""
    results = rewriter([item.prompt for item in items])
    changed = [(item, one.text) for item, one in zip(items, results, strict=True) if one.changed]
    chosen = [item for item, _ in changed]
    margins = {name: _margins(chosen, prompts, model) for name, prompts in _arms(changed).items()}
    base, own = margins["original"], margins["rewrite"]
    return {
        "model": model.name,
        "triples": len(items),
        "rewritten": len(changed),
        "original prefers good": share([margin > 0 for margin in base]),
        "gains": {name: paired(values, base) for name, values in margins.items() if name != "original"},
        "rewrite minus control": {
            name: paired(own, values) for name, values in margins.items() if name not in {"original", "rewrite"}
        },
        "caveats": list(CAVEATS),
    }


def _arms(changed: Sequence[tuple[Triple, str]]) -> dict[str, list[str]]:
    """The prompts of every arm, in the order of the items."""
    rewrites = [rewrite for _, rewrite in changed]
    return {
        "original": [item.prompt for item, _ in changed],
        "rewrite": rewrites,
        "another item's rewrite": others(rewrites),
        "static suffix": [f"{item.prompt} {SUFFIX}" for item, _ in changed],
        "good-only words": [bag_of_good_words(item.prompt, item.good, item.bad, rewrite) for item, rewrite in changed],
    }


def _margins(items: Sequence[Triple], prompts: Sequence[str], model: LanguageModel) -> list[float]:
    """The margin of each item under its prompt."""
    return [
        model.mean_logprob(prompt, item.good) - model.mean_logprob(prompt, item.bad)
        for item, prompt in zip(items, prompts, strict=True)
    ]
