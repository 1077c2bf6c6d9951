"""A result as the page shows it: texts in stretches, reasons in sentences."""

from typing import Any

from bpo_model.explain import diff
from bpo_model.schema import Edit, OptimizedPrompt, Violation
from bpo_model.split import split
from bpo_model.ui.words import STRATEGIES, WHY, check_sentence, checks_passed, offer


def view(key: str, result: OptimizedPrompt) -> dict[str, Any]:
    """Everything the page needs about a result, as plain data."""
    parts = split(result.original)
    return {
        "id": key,
        "changed": result.changed,
        "reason": result.reason.value,
        "why": WHY[result.reason],
        "detail": result.detail if result.reason.value in ("deadline", "error") else "",
        "original": result.original,
        "text": result.text,
        "segments": segments(result.original, result.text),
        "context_characters": len(parts.context.strip()) if result.changed else 0,
        "strategies": _strategies(result),
        "passed": [_check(name) for name in checks_passed()] if result.changed else [],
        "rejected": _rejected(result.original, result.violations),
        "again": offer(result.reason),
        "model": result.model,
        "latency_ms": round(result.latency_ms, 1),
        "tokens": result.tokens.completion,
    }


def segments(before: str, after: str) -> list[list[str]]:
    """[kind, text] in reading order, kind one of same, removed, added; no offsets, which JavaScript counts otherwise.

    >>> segments("tell me a joke", "tell me a short joke")
    [['same', 'tell me a '], ['added', 'short '], ['same', 'joke']]
    """
    found: list[list[str]] = []
    at = 0
    for edit in _joined(diff(before, after), before, after):
        found += [["same", after[at : edit.span_after[0]]], ["removed", edit.before], ["added", edit.after]]
        at = edit.span_after[1]
    found.append(["same", after[at:]])
    return [segment for segment in found if segment[1]]


def _joined(edits: tuple[Edit, ...], before: str, after: str) -> list[Edit]:
    """Edits with nothing but spaces between them as one: words that change together are read together."""
    found: list[Edit] = []
    for edit in edits:
        last = found[-1] if found else None
        if last and not after[last.span_after[1] : edit.span_after[0]].strip():
            old = last.span_before[0], edit.span_before[1]
            new = last.span_after[0], edit.span_after[1]
            found[-1] = Edit(before[slice(*old)], after[slice(*new)], old, new)
        else:
            found.append(edit)
    return found


def _rejected(original: str, violations: tuple[Violation, ...]) -> list[dict[str, Any]]:
    """The rewrites that were thrown away, each with the checks that it failed."""
    found: dict[str, list[dict[str, str]]] = {}
    for violation in violations:
        found.setdefault(violation.candidate, []).append({**_check(violation.check), "detail": violation.detail})
    return [{"text": text, "checks": checks} for text, checks in found.items()]


def _strategies(result: OptimizedPrompt) -> list[dict[str, str]]:
    """The words that were added, each once, with all that they do."""
    found: dict[str, list[str]] = {}
    for label in result.strategies:
        found.setdefault(label.text.strip(" ,.;?!"), []).append(STRATEGIES[label.strategy])
    return [
        {"text": text, "sentence": "; ".join([first, *(other[0].lower() + other[1:] for other in others)])}
        for text, (first, *others) in found.items()
    ]


def _check(name: str) -> dict[str, str]:
    """A name that reads right behind a tick and behind a cross."""
    shown = name.replace("_", " ")
    return {"name": f"no {shown}" if shown.endswith(" invented") else shown, "sentence": check_sentence(name)}
