"""Write the arms, the card and, last, the manifest that vouches for them: without it nothing here is trained on."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

from bpo_model.files import write_text
from training.augment.answers import Answers
from training.augment.arms import ORIGINAL, Arms
from training.augment.examples import PATTERNS, Examples
from training.augment.rewrites import Rewrite, optimizer_sha256
from training.augment.settings import AugmentConfig
from training.data.artifacts import MANIFEST, write_manifest
from training.data.card import CARD, MEANINGS
from training.data.sources.read import find_files
from training.data.teaching.failures import Failure


def write_data(
    folder: Path,
    config: AugmentConfig,
    examples: Examples,
    rewrites: Mapping[str, Rewrite],
    arms: Arms,
    answers: Answers,
) -> None:
    """Write a folder that `python -m training.data.verify` and `training.augment train` take.

    Raises:
        ValueError: If no row is left.
    """
    rejects, rows = [*examples.rejects, *arms.rejects], arms.rows[ORIGINAL]
    reasons = Counter(reject.reason for reject in rejects)
    if not rows:
        raise ValueError(f"no row is left to train on; left out: {dict(reasons)}")
    kept = Counter(rewrites[str(row["id"])].reason for row in rows)
    models = Counter(_model(one.model, config) for one in answers.found.values() if not isinstance(one, Failure))
    counts = {
        "rows": len(rows), "not_drawn": examples.not_drawn, "rewrites": dict(kept), "rejects": dict(reasons),
        "answered_by": dict(models),
    }  # fmt: skip
    (folder / MANIFEST).unlink(missing_ok=True)  # from here on the old one would vouch for something else
    for arm, lines in arms.rows.items():
        write_text(folder / f"{arm}.jsonl", _lines(lines))
    write_text(folder / "rejects.jsonl", _lines(map(asdict, rejects)))
    write_text(folder / CARD, _card(config, counts))
    write_manifest(
        folder, config={**config.public(), "optimizer_sha256": optimizer_sha256(config.checkpoint)},
        inputs=_inputs(config.data), counts=counts, tokens=_tokens(answers), cost=answers.cost,
    )  # fmt: skip


def _model(served: str, config: AugmentConfig) -> str:
    """Who answered, by the server's own word; llama.cpp's is the path of a file, which is nobody's business."""
    return PurePath(served).name if PurePath(served).is_absolute() else served or config.llm.model


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """ASCII, because readers that split lines as Python does would break a text at U+2028 or U+0085."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def _inputs(data: Path) -> dict[str, Path]:
    """The files that were read, by their names below the data."""
    top = data if data.is_dir() else data.parent
    return {file.relative_to(top).as_posix(): file for file in find_files(data, PATTERNS)}


def _tokens(answers: Answers) -> dict[str, int]:
    """By the servers' own count."""
    found = [one for one in answers.found.values() if not isinstance(one, Failure)]
    return {
        "prompt": sum(one.prompt_tokens or 0 for one in found),
        "completion": sum(one.completion_tokens or 0 for one in found),
    }


def _card(config: AugmentConfig, counts: Mapping[str, Any]) -> str:
    """What a reader must know before training on the rows."""
    rewritten = counts["rewrites"].get("rewritten", 0)
    names = ", ".join(sorted(counts["answered_by"]))
    meaning = MEANINGS.get(config.licence, "Read the licence.")
    control = "\n* `control.jsonl`: the same LLM's answers to the original prompts." if config.control else ""
    return f"""\
# Instruction data reconstructed with BPO

{counts["rows"]} prompts of {config.data.name}, after section 4.4 of BPO (arXiv 2311.04155): an LLM answers the
optimized prompt, and the answer stands under the original one. {rewritten} prompts were rewritten; the others go out as
they are, so their answers differ from the control's in nothing.

* `original.jsonl`: the data set's own answers.
* `reconstructed.jsonl`: {names}'s answers to the optimized prompts.{control}

Original against reconstructed compares two things at once, unless {names} wrote the data set as well: another LLM, and
the rewriting. Only the control tells them apart. No answer was checked: they may be wrong, biased or unsafe.

## Licences
The prompts and the answers of `original.jsonl`: {config.licence}. {meaning}

The other answers are output of {names}: the terms of its provider, or the licence of its weights, hold for them as
well. Some providers forbid training models on their output that compete with theirs.

## Left out
{", ".join(f"{reason} {count}" for reason, count in sorted(counts["rejects"].items())) or "Nothing."}

Rows left out of one file are left out of all. `python -m training.data.verify` compares the folder with {MANIFEST}.
"""
