"""What a rewriter does to prompts, seen without any answer: contract, length, likeness, stability.

Four columns: what is `sent`; the model's `first candidate`, before anything was verified and
drawn again; the file's `reference` rewrites; and `copy`, the prompts themselves, which is what a
rewriter that does nothing scores.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeAlias

from bpo_model import OptimizedPrompt, Reason
from bpo_model.checks.form import no_answer, still_a_request
from bpo_model.contract import verify_prompt
from bpo_model.split import split
from evals.quality.measures import paired, share, spread
from evals.quality.texts import chrf, distinct

Rewriter: TypeAlias = Callable[[Sequence[str]], list[OptimizedPrompt]]
"""Prompts -> one result each, in their order, such as `RewriteStep(optimizer).results`."""
_GENERATED = frozenset({Reason.REWRITTEN, Reason.UNCHANGED, Reason.REJECTED})
"""The model wrote something; with other reasons it was not asked."""


@dataclass(frozen=True, slots=True)
class Text:
    """A prompt and what somebody made of it."""

    source: str
    text: str
    failed: frozenset[str]
    """Names of the contract's checks that the text fails; none if it is unchanged."""
    reference: str | None = None

    @property
    def changed(self) -> bool:
        """Whether it differs from the prompt."""
        return self.text != self.source


def health(rows: Sequence[Mapping[str, Any]], rewriter: Rewriter, again: Rewriter) -> dict[str, Any]:
    """The report on rows with `prompt` and perhaps `optimized_prompt`.

    `again` rewrites the rewrites. It must not be the same optimizer: that one knows its own texts
    and leaves them alone, which says nothing about the model.
    """
    results = rewriter([row["prompt"] for row in rows])
    references = [row.get("optimized_prompt") or None for row in rows]
    pairs = list(zip(results, references, strict=True))
    sent = [_checked(one.original, one.text, reference) for one, reference in pairs]
    report = {
        "n": len(rows),
        "reasons": dict(Counter(result.reason.value for result in results).most_common()),
        "sent": describe(sent),
        "first candidate": describe([_first(*pair) for pair in pairs if pair[0].reason in _GENERATED]),
        "copy": describe([Text(one.original, one.original, frozenset(), reference) for one, reference in pairs]),
        "idempotent": _idempotent([one.text for one in results if one.changed], again),
    }
    if any(references):
        report["reference"] = describe([_checked(one.original, r, r) for one, r in pairs if r is not None])
        report["nearer to the reference than a copy"] = _gain(sent)
    return report


def describe(texts: Sequence[Text]) -> dict[str, Any]:
    """One column; contract, answered and length are of the changed texts, all else of all texts."""
    changed = [one for one in texts if one.changed]
    referenced = [(one.text, one.reference) for one in texts if one.reference is not None]
    return {
        "n": len(texts),
        "rewritten": share([one.changed for one in texts]),
        "unchanged": share([not one.changed for one in texts]),
        "contract": share([not one.failed for one in changed]),
        "failed": dict(Counter(name for one in changed for name in sorted(one.failed)).most_common()),
        "answered": share([answered(one.source, one.text) for one in changed]),
        "length_ratio": spread([len(one.text) / max(1, len(one.source)) for one in changed]),
        "distinct4": distinct([one.text for one in texts]),
        "chrf_reference": _mean([chrf(*pair) for pair in referenced]),
        "chrf_source": _mean([chrf(one.text, one.source) for one in texts]),
    }


def answered(source: str, text: str) -> bool:
    """Whether the text answers or comments instead of asking, by the contract's two checks of that."""
    parts = split(source)
    instruction = text.removeprefix(parts.before).removesuffix(parts.after)
    return bool(no_answer(parts.instruction, instruction) or still_a_request(parts.instruction, instruction))


def _checked(source: str, text: str, reference: str | None) -> Text:
    """A finished text under the contract."""
    return Text(source, text, frozenset(found.check for found in verify_prompt(source, text)), reference)


def _first(result: OptimizedPrompt, reference: str | None) -> Text:
    """What the model wrote first: what was rejected first, or what was sent."""
    if not result.violations:
        return Text(result.original, result.text, frozenset(), reference)
    candidate = result.violations[0].candidate
    failed = frozenset(found.check for found in result.violations if found.candidate == candidate)
    return Text(result.original, split(result.original).put_back(candidate), failed, reference)


def _idempotent(rewrites: list[str], again: Rewriter) -> dict[str, Any]:
    """How many rewrites stay as they are when they are rewritten, and why."""
    results = again(rewrites)
    reasons = Counter(result.reason.value for result in results)
    return {**share([not result.changed for result in results]), "reasons": dict(reasons.most_common())}


def _gain(sent: Sequence[Text]) -> dict[str, Any]:
    """ChrF against the reference, minus that of a copy, with the item as the unit."""
    pairs = [(chrf(one.text, one.reference), chrf(one.source, one.reference)) for one in sent if one.reference]
    return paired([mine for mine, _ in pairs], [copy for _, copy in pairs])


def _mean(values: Sequence[float]) -> float | None:
    """The mean in two digits; None without any value."""
    return round(fmean(values), 2) if values else None
