"""The gain of candidates: by how much more a language model prefers the preferred answer.

gain(x') = [log p(y+|x') - log p(y-|x')] - [log p(y+|x) - log p(y-|x)] for the prompt x, its rewrite x', the
chosen answer y+ and the rejected one y-. The sums over all tokens decide; the means over tokens are reported.
Prior art: APE scores an instruction by the likelihood of the wanted output (arXiv 2211.01910).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bpo_model.contract import verify_prompt
from training.gain.draw import Draft
from training.gain.items import Item
from training.gain.leak import leak
from training.gain.scorer import Scores


@dataclass(frozen=True, slots=True)
class Gain:
    """Differences of log probabilities in nats; positive is good."""

    total: float
    """Of the sums over the answers' tokens."""
    mean: float
    """Of the means over the answers' tokens."""

    def __sub__(self, other: "Gain") -> "Gain":
        return Gain(self.total - other.total, self.mean - other.mean)


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with what came of it."""

    text: str
    dropped: str = ""
    """Why it was not scored, such as `contract:numbers_kept` or `leak`; "" if it was."""
    detail: str = ""
    gain: Gain | None = None
    """None if it was dropped."""


def judge(items: Sequence[Item], drafts: Sequence[Sequence[Draft]], scorer: Scores) -> list[list[Judged]]:
    """Every draft of every item: verified, checked for leaks, and scored together with all others."""
    screened = [screen(item, some, scorer) for item, some in zip(items, drafts, strict=True)]
    prompts = [
        (item, one.text)
        for item, some in zip(items, screened, strict=True)
        for one in [Judged(item.prompt), *some]
        if not one.dropped
    ]
    margins = dict(zip(prompts, margins_of(prompts, scorer), strict=True))
    return [
        [
            one if one.dropped else Judged(one.text, gain=margins[item, one.text] - margins[item, item.prompt])
            for one in some
        ]
        for item, some in zip(items, screened, strict=True)
    ]


def margins_of(prompts: Sequence[tuple[Item, str]], scorer: Scores) -> list[Gain]:
    """The margins log p(chosen | prompt) - log p(rejected | prompt) of items, each under some prompt."""
    pairs = [(prompt, answer) for item, prompt in prompts for answer in (item.chosen, item.rejected)]
    scores = scorer.score(pairs)
    return [
        Gain(chosen.total - rejected.total, chosen.mean - rejected.mean)
        for chosen, rejected in zip(scores[::2], scores[1::2], strict=True)
    ]


def screen(item: Item, drafts: Sequence[Draft], scorer: Scores) -> list[Judged]:
    """The drafts, each with why it must not be scored, if so; the contract limits their length too."""
    judged: dict[str, Judged] = {}
    for draft in drafts:
        if draft.text not in judged and draft.text != item.prompt:
            judged[draft.text] = _screened(item, draft, scorer)
    return list(judged.values())


def _screened(item: Item, draft: Draft, scorer: Scores) -> Judged:
    """One draft, not scored yet."""
    if draft.problem:
        return Judged(draft.text, draft.problem)
    for violation in verify_prompt(item.prompt, draft.text):
        return Judged(draft.text, f"contract:{violation.check}", violation.detail)
    if found := leak(item.prompt, draft.text, item.chosen, item.rejected):
        return Judged(draft.text, "leak", found)
    return Judged(draft.text, scorer.problem(draft.text, item.chosen, item.rejected))
