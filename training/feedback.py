"""What users kept (`bpo ui --feedback FILE`, `bpo_model.feedback.record`) -> training data.

python -m training.feedback FILE --out DIR

DIR gets `train.jsonl` and `val.jsonl`, which training.sft reads; `preferences.jsonl` and `preferences-val.jsonl`,
which training.second.dpo reads (prompt, chosen, rejected); and `counts.json` with everything that was left out.
A prompt is on one side only, pairs and preferences alike. The same file gives the same bytes.

What each action says about two rewrites of one instruction:

* accepted: the rewrite is better than the prompt as it was;
* edited: what the user made of the rewrite is better than the rewrite;
* reverted: the prompt as it was is better than the rewrite.

`prompt` of a preference is the instruction alone, which the trainer renders with the optimizer's system text and
template (training/encode.py): these are preferences over what the optimizer writes, not over answers of an LLM.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model.base_file import file_sha256
from bpo_model.checks.form import no_template_text
from bpo_model.contract import verify
from bpo_model.feedback import Feedback, Verdict, read
from bpo_model.files import write_text
from bpo_model.split import split

SOURCE = "feedback"
VAL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Lesson:
    """Two versions of one instruction, and the whole prompt and text that the better one stands in."""

    verdict: Verdict
    instruction: str
    chosen: str
    rejected: str
    prompt: str
    kept: str


def main(argv: Sequence[str] | None = None) -> int:
    """Export and print the counts; exit code 1 if nothing is left to train on."""
    parser = argparse.ArgumentParser(prog="python -m training.feedback", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="a feedback file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the training data")
    args = parser.parse_args(argv)
    counts = export(args.file, args.out)
    print(json.dumps(counts, indent=2))  # noqa: T201
    return 0 if counts["preferences"]["train"] else 1


def export(file: Path, out: Path) -> dict[str, Any]:
    """Write the training data of a feedback file; returns the counts.

    Raises:
        OSError: If the file cannot be read or the folder not be written.
    """
    rows, left_out = read(file)
    lessons: list[Lesson] = []
    for row in _newest(rows, left_out):
        lesson = lesson_of(row)
        if isinstance(lesson, Lesson):
            lessons.append(lesson)
        else:
            left_out[lesson] += 1
    preferences, pairs = _preferences(lessons, left_out), _pairs(lessons)
    held_out = _held_out([pair["instruction"] for pair in pairs], [row["prompt"] for row in preferences])
    counts = {
        "rows": len(rows),
        "verdicts": dict(sorted(Counter(row.verdict.value for row in rows).items())),
        "left_out": dict(sorted(left_out.items())),
        "preferences": _write(out, ("preferences", "preferences-val"), preferences, "prompt", held_out),
        "pairs": _write(out, ("train", "val"), pairs, "instruction", held_out),
        "source_sha256": file_sha256(file),
    }
    write_text(out / "counts.json", json.dumps(counts, indent=2) + "\n")
    return counts


def lesson_of(row: Feedback) -> Lesson | str:
    """What a row teaches, or why it teaches nothing that the optimizer may learn.

    The prompt is split as it would be today, because that is what the optimizer meets at run time.
    """
    parts = split(row.prompt)
    if not parts.clear:
        return "unclear_instruction"
    inner = {}
    for name, text in (("rewrite", row.rewrite), ("kept", row.kept)):
        inner[name] = text[len(parts.before) : len(text) - len(parts.after)]
        if not inner[name].strip() or parts.put_back(inner[name]) != text:
            return "context_changed"
    rewrite, kept = inner["rewrite"].strip(), inner["kept"].strip()
    rejected = parts.instruction if row.verdict is Verdict.ACCEPTED else rewrite
    if kept == rejected:
        return "no_difference"
    if no_template_text("", parts.instruction + kept + rejected):
        return "template_text"  # the trainer would read it as control tokens
    violations = verify(parts.instruction, kept, after=parts.after)
    if violations:
        return f"contract:{violations[0].check}"
    return Lesson(row.verdict, parts.instruction, kept, rejected, row.prompt, parts.put_back(kept))


def _newest(rows: Iterable[Feedback], left_out: Counter[str]) -> list[Feedback]:
    """The last verdict on every rewrite: people change their minds."""
    kept: dict[tuple[str, str], Feedback] = {}
    for row in rows:
        left_out["superseded"] += kept.pop((row.prompt, row.rewrite), None) is not None
        kept[row.prompt, row.rewrite] = row
    return list(kept.values())


def _preferences(lessons: Iterable[Lesson], left_out: Counter[str]) -> list[dict[str, Any]]:
    """One row for every two texts of an instruction; the last word on which is better stands."""
    rows: dict[tuple[str, frozenset[str]], dict[str, Any]] = {}
    for lesson in lessons:
        key = lesson.instruction, frozenset((lesson.chosen, lesson.rejected))
        left_out["repeated"] += rows.pop(key, None) is not None
        rows[key] = {
            "id": _id(lesson.instruction, lesson.chosen, lesson.rejected),
            "kind": lesson.verdict.value,
            "prompt": lesson.instruction,
            "chosen": lesson.chosen,
            "rejected": lesson.rejected,
        }
    return list(rows.values())


def _pairs(lessons: Iterable[Lesson]) -> list[dict[str, Any]]:
    """The rewrite that was kept last for each prompt; a reverted one is no example of how to rewrite."""
    rows: dict[str, dict[str, Any]] = {}
    for lesson in lessons:
        if lesson.verdict is not Verdict.REVERTED:
            rows.pop(lesson.prompt, None)
            rows[lesson.prompt] = {
                "id": _id(lesson.prompt),
                "source": SOURCE,
                "prompt": lesson.prompt,
                "optimized_prompt": lesson.kept,
                "instruction": lesson.instruction,
            }
    return list(rows.values())


def _held_out(of_pairs: list[str], of_preferences: list[str]) -> set[str]:
    """Instructions to validate on: a tenth by hash, whatever the order; at least one that has a pair.

    training.sft cannot measure on nothing, hence the smallest hash where no pair falls below the share.
    """
    found = {text for text in [*of_pairs, *of_preferences] if _rank(text) < VAL_SHARE * 2**32}
    if found.isdisjoint(of_pairs) and len(set(of_pairs)) > 1:
        found.add(min(of_pairs, key=_rank))
    return found


def _write(
    out: Path, names: tuple[str, str], rows: list[dict[str, Any]], key: str, held_out: set[str]
) -> dict[str, int]:
    """Two JSONL files, in ASCII, since readers split lines at more characters than one; returns their lengths."""
    out.mkdir(parents=True, exist_ok=True, mode=0o700)  # these are the prompts of real people
    sides = [row for row in rows if row[key] not in held_out], [row for row in rows if row[key] in held_out]
    for name, side in zip(names, sides, strict=True):
        lines = [json.dumps({field: row[field] for field in row if field != "instruction"}) for row in side]
        write_text(out / f"{name}.jsonl", "".join(line + "\n" for line in lines))
    return {"train": len(sides[0]), "val": len(sides[1])}


def _rank(text: str) -> int:
    """A number below 2**32; salted, so that a later split by the same hash does not fall where this one did."""
    return int.from_bytes(hashlib.sha256(b"feedback" + text.encode("utf-8", "surrogatepass")).digest()[:4])


def _id(*texts: str) -> str:
    """Equal for equal texts."""
    return "feedback-" + hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
