"""What the optimizer makes of every prompt, kept in the store: the same prompt is rewritten once."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bpo_model.compare.store import Record, Store, key_of
from bpo_model.prove.prompts import Case
from bpo_model.schema import OptimizedPrompt, Reason, SupportsOptimize

ALONE = 20
"""Prompts that are rewritten one at a time, so that their latency is one that a user would see."""
CHUNK = 16
"""Prompts that go to the optimizer together after that; also what an interruption can cost."""


def rewrite_all(
    cases: Sequence[Case], optimizer: SupportsOptimize, identity: str, store: Store, done: Callable[[int], None]
) -> dict[str, Record]:
    """A record of every case by its id; one that failed has status `error`, and is tried again next time.

    Args:
        cases: What to rewrite.
        optimizer: Any; what it leaves alone has `changed` false.
        identity: What determines its rewrites: weights, options, version.
        store: Where they are kept.
        done: Called with the number of cases that are finished.
    """
    keys = {case.id: key_of("rewrite", {"prompt": case.prompt}, identity, {}) for case in cases}
    found = {case.id: record for case in cases if (record := store.get("rewrite", keys[case.id]))}
    missing = [case for case in cases if case.id not in found]
    done(len(found))
    for chunk in _chunks(missing, ALONE - len(found)):
        results = optimizer.optimize_batch([case.prompt for case in chunk])
        for case, result in zip(chunk, results, strict=True):
            record = {"key": keys[case.id], "item": case.id, **_record(result, alone=len(chunk) == 1)}
            store.put("rewrite", record)
            found[case.id] = record
        done(len(found))
    return {case.id: found[case.id] for case in cases}


def sent(prompt: Any) -> list[Any]:
    """The messages in which a prompt goes out."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)


def _chunks(cases: Sequence[Case], alone: int) -> Iterable[Sequence[Case]]:
    """The first ones one by one."""
    alone = max(0, alone)
    yield from ([case] for case in cases[:alone])
    yield from (cases[start : start + CHUNK] for start in range(alone, len(cases), CHUNK))


def _record(result: OptimizedPrompt, *, alone: bool) -> dict[str, Any]:
    """What the report needs; the latency counts only where nothing else ran beside it."""
    return {
        "status": "error" if result.reason is Reason.ERROR else "ok",
        "error": result.detail if result.reason is Reason.ERROR else "",
        "prompt": json.loads(json.dumps(result.prompt)),
        "original": result.original,
        "text": result.text,
        "changed": result.changed,
        "reason": result.reason.value,
        "latency_ms": round(result.latency_ms, 1) if alone else None,
    }
