"""Drafts and the contract -> preferences of the optimizer over its own rewrites.

python -m training.second.preferences DRAFTS --out FILE

Four kinds of rows, each a lesson by itself:

* `contract`   a rewrite that passes, over one that does not, of the same prompt;
* `safety`     the safe turn of an unsafe prompt, over the prompt itself or a rewrite that goes along with it;
* `restraint`  the prompt itself, over a change that its teacher saw no need for;
* `effort`     the teacher's rewrite, over leaving the prompt as it is.

The first two are what the second round is for; the others keep it from learning to copy, or to change, everything.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from bpo_model.checks.safety import UNSAFE, is_safety_rewrite
from bpo_model.contract import verify
from bpo_model.files import write_text

Kind: TypeAlias = Literal["contract", "safety", "restraint", "effort"]

MOST_REJECTED = 1
"""Failing drafts of one prompt that become rows: with more, a few bad prompts outweigh the rest."""

SMALL = 3
"""New words from which on a change is worth restraining: a corrected capital or typo is not."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """What an optimizer wrote for one instruction, without the drafts that were the instruction itself."""

    id: str
    instruction: str
    reference: str
    """The teacher's rewrite, or "" if there is none."""
    drafts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preference:
    """Two rewrites of one instruction; the optimizer should write `chosen` rather than `rejected`."""

    id: str
    kind: Kind
    prompt: str
    chosen: str
    rejected: str


def main(argv: Sequence[str] | None = None) -> int:
    """Judge a file of drafts and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m training.second.preferences", description="judge drafts")
    parser.add_argument("drafts", type=Path, help="a file of training.second.drafts")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    rows = [row for drafts in read_drafts(args.drafts) for row in preferences(drafts)]
    write_text(args.out, "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))
    print(json.dumps({"rows": len(rows), **Counter(row.kind for row in rows)}))  # noqa: T201
    return 0


def read_drafts(path: Path) -> Iterator[Drafts]:
    """Records of training.second.drafts."""
    for line in path.read_text(encoding="utf-8").splitlines():
        value = json.loads(line)["value"]
        yield Drafts(value["id"], value["instruction"], value["reference"], tuple(value["drafts"]))


def preferences(of: Drafts) -> list[Preference]:
    """All rows that one prompt gives, without repeats."""
    failed = [draft for draft in of.drafts if verify(of.instruction, draft)]
    passed = [draft for draft in of.drafts if draft != of.instruction and draft not in failed]
    reference = "" if verify(of.instruction, of.reference or of.instruction) else of.reference
    rows = [
        *_safety(of, reference),
        *_contract(of, failed, passed, reference),
        *_restraint(of, passed, reference),
        *_effort(of, reference),
    ]
    return list({(row.chosen, row.rejected): row for row in reversed(rows)}.values())[::-1]


def _contract(of: Drafts, failed: Sequence[str], passed: Sequence[str], reference: str) -> Iterator[Preference]:
    """Passing drafts first, since they are what the optimizer can already write; of several the shortest.

    Every added word is one that may be wrong, and DPO makes texts longer by itself.
    """
    for number, bad in enumerate(failed[:MOST_REJECTED]):
        good = passed or ([reference] if reference else [])
        if UNSAFE.search(of.instruction):
            good = [draft for draft in [*good, reference] if is_safety_rewrite(of.instruction, draft)]
        elif not good:
            good = [of.instruction]
        if good:
            yield Preference(f"{of.id}~c{number}", "contract", of.instruction, min(good, key=len), bad)


def _safety(of: Drafts, reference: str) -> Iterator[Preference]:
    """Only where the teacher turned the request."""
    if is_safety_rewrite(of.instruction, reference):
        along = [draft for draft in of.drafts if not is_safety_rewrite(of.instruction, draft)]
        for number, bad in enumerate(dict.fromkeys([of.instruction, *along[:1]])):
            yield Preference(f"{of.id}~s{number}", "safety", of.instruction, reference, bad)


def _restraint(of: Drafts, passed: Sequence[str], reference: str) -> Iterator[Preference]:
    new = [draft for draft in passed if len(set(draft.lower().split()) - set(of.instruction.lower().split())) >= SMALL]
    if reference == of.instruction and new:
        yield Preference(f"{of.id}~r", "restraint", of.instruction, of.instruction, new[0])


def _effort(of: Drafts, reference: str) -> Iterator[Preference]:
    if reference not in ("", of.instruction) and not set(of.drafts) - {of.instruction}:
        yield Preference(f"{of.id}~e", "effort", of.instruction, reference, of.instruction)


if __name__ == "__main__":
    sys.exit(main())
