"""Best of K: of several rewrites the one that gains most, or the original.

The result trains the optimizer by `training.sft`, as in RAFT (arXiv 2304.06767): draw, keep the best, train,
draw again from what was trained. OUT then holds

* `pairs.jsonl`     prompts with the rewrite that won, as training/pairs.py reads them;
* `retained.jsonl`  the same for prompts that no rewrite improved: `optimized_prompt` is the prompt. Add some of
                    them to the training data, or the optimizer forgets that leaving a prompt alone is a choice;
* `rejects.jsonl`   rows that could not be used, with the reason; those with `generation_failed` are tried again;
* `report.json`     counts and settings;
* `ledger.jsonl`    everything computed so far: stop and rerun at will.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpo_model.errors import GenerationError
from bpo_model.files import write_text
from bpo_model.split import split
from training.data.types import Reject
from training.gain.draw import Draw
from training.gain.items import Item, usable
from training.gain.judge import Judged, judge
from training.gain.ledger import Ledger, key_of
from training.gain.scorer import Scores

VERSION = 1
"""Of the records; changes whenever the checks do."""
CHUNK = 8
"""Prompts that are drawn and scored together; also what a crash can cost."""
MIN_GAIN = 5.0
"""Nats. A sentence that is the same for all prompts gains less on 19 of 20 prompts (`python -m training.gain
controls`). The best of K exceeds it by chance more often than one candidate does: a gain is no proof."""


def best_of_k(
    items: Sequence[Item], out: Path, draw: Draw, scorer: Scores, *, min_gain: float = MIN_GAIN
) -> dict[str, Any]:
    """Choose a prompt for every item, write the files, and return the report."""
    kept, rejects = _trainable(items, scorer)
    keys = {item.id: key_of(VERSION, item.prompt, item.chosen, item.rejected, draw.name, scorer.name) for item in kept}
    with Ledger(out / "ledger.jsonl") as ledger:
        rejects += _compute([item for item in kept if keys[item.id] not in ledger], keys, ledger, draw, scorer)
        rows = [_choose(item, ledger.get(keys[item.id]), min_gain) for item in kept if keys[item.id] in ledger]
    report = {
        "counts": _counts(rows, rejects),
        "settings": {"min_gain": min_gain, "generator": draw.name, "scorer": scorer.name, "version": VERSION},
    }
    _write(out / "pairs.jsonl", (row for row in rows if row["changed"]))
    _write(out / "retained.jsonl", (row for row in rows if not row["changed"]))
    _write(out / "rejects.jsonl", map(asdict, rejects))
    write_text(out / "report.json", json.dumps(report, indent=2) + "\n")
    return report


def _trainable(items: Sequence[Item], scorer: Scores) -> tuple[list[Item], list[Reject]]:
    """Items that can be scored and whose instruction the optimizer would see, and why each other one is left out."""
    scorable, rejects = usable(items, scorer)
    unclear = {item for item in scorable if not split(item.prompt).clear}
    rejects += [Reject(item.id, item.source, "gain", "unclear_instruction") for item in scorable if item in unclear]
    return [item for item in scorable if item not in unclear], rejects


def _compute(items: Sequence[Item], keys: dict[str, str], ledger: Ledger, draw: Draw, scorer: Scores) -> list[Reject]:
    """Draw and score what is not in the ledger yet; returns the items on which the generator failed."""
    failed = []
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        drawn = dict(zip(chunk, draw([item.prompt for item in chunk]), strict=True))
        done = {item: drafts for item, drafts in drawn.items() if not isinstance(drafts, GenerationError)}
        for item, judged in zip(done, judge(list(done), list(done.values()), scorer), strict=True):
            ledger.put(keys[item.id], [_plain(one) for one in judged])
        failed += [
            Reject(item.id, item.source, "gain", "generation_failed", str(error))
            for item, error in drawn.items()
            if item not in done
        ]
    return failed


def _choose(item: Item, candidates: list[dict[str, Any]], min_gain: float) -> dict[str, Any]:
    """The row of an item: its best candidate, or the prompt itself, whose gain is 0."""
    scored = [one for one in candidates if one["gain"] is not None and one["gain"] >= min_gain]
    own = {"text": item.prompt, "gain": 0.0, "mean_gain": 0.0}
    best = max(scored, key=lambda one: one["gain"], default=own)
    return {
        "id": item.id,
        "source": item.source,
        "prompt": item.prompt,
        "optimized_prompt": best["text"],
        "changed": best is not own,
        "gain": best["gain"],
        "mean_gain": best["mean_gain"],
        "candidates": candidates,
    }


def _plain(one: Judged) -> dict[str, Any]:
    """A candidate as JSON, rounded to what the scorer can tell."""
    gain: dict[str, float | None] = {"gain": None, "mean_gain": None}
    if one.gain:
        gain = {"gain": round(one.gain.total, 3), "mean_gain": round(one.gain.mean, 5)}
    return {"text": one.text, "dropped": one.dropped, "detail": one.detail, **gain}


def _counts(rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]) -> dict[str, Any]:
    """What became of items and candidates."""
    candidates = [one for row in rows for one in row["candidates"]]
    changed = [row["gain"] for row in rows if row["changed"]]
    return {
        "pairs": len(changed),
        "retained": len(rows) - len(changed),
        "rejects": dict(Counter(one.reason for one in rejects).most_common()),
        "candidates": len(candidates),
        "dropped": dict(Counter(one["dropped"] for one in candidates if one["dropped"]).most_common()),
        "mean_gain_of_pairs": round(sum(changed) / len(changed), 3) if changed else None,
    }


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """JSONL, whole or not at all."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
