"""What an optimizer writes for its training prompts, good and bad: the raw material of a second round.

python -m training.second.drafts --data DIR --out FILE [--more PREFERENCES] [--noise 0.4] [--k 3]

FILE grows as drafts come: stop and rerun at will. Nothing is judged here: the contract may change,
and drafts are what costs time.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bpo_model import PromptOptimizer
from bpo_model.errors import GenerationError
from bpo_model.split import split
from training.gain.draw import Draw, OptimizerDraw
from training.gain.items import read_items
from training.gain.ledger import Ledger, key_of
from training.noise import noisy_rows
from training.pairs import Row, make_rows, read_pairs

CHUNK = 64
"""Prompts that are drawn together; also what a crash can cost."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what the file lacks."""
    args = _parser().parse_args(argv)
    rows = list(training_prompts(args.data, args.more, args.exclude_sources, args.noise))
    draw = OptimizerDraw(PromptOptimizer.from_pretrained(args.model), args.k, args.temperature, args.seed)
    failed = write_drafts(rows, draw, args.out)
    print(f"{len(rows)} prompts, {failed} failed; a second run tries these again")  # noqa: T201
    return 0


def training_prompts(data: Path, more: Path | None, exclude: Sequence[str], noise: float) -> Iterator[Row]:
    """Instructions as the optimizer gets them: of the training pairs, some again with noise, and of preference data.

    `optimized` is the pair's own, or "" where there is none. The pairs need not pass the contract: it is the
    optimizer's drafts that are judged.
    """
    rows = [row for row in make_rows(read_pairs(data / "train.jsonl"), exclude).kept if _whole(row.instruction)]
    yield from rows
    yield from noisy_rows(rows, noise, seed=0)
    for item in read_items(more) if more else ():
        parts = split(item.prompt)
        if parts.clear and _whole(parts.instruction):
            yield Row(item.id, item.source, parts.instruction, "")


def write_drafts(rows: Sequence[Row], draw: Draw, out: Path) -> int:
    """Draw for every row that is not in the file; returns on how many prompts the generator failed."""
    failed = 0
    with Ledger(out) as ledger:
        todo = [row for row in rows if key_of(draw.name, row.instruction) not in ledger]
        for start in range(0, len(todo), CHUNK):
            chunk = todo[start : start + CHUNK]
            for row, drawn in zip(chunk, draw([row.instruction for row in chunk]), strict=True):
                if isinstance(drawn, GenerationError):
                    failed += 1
                    continue
                texts = [draft.text for draft in drawn]
                ledger.put(
                    key_of(draw.name, row.instruction),
                    {"id": row.id, "instruction": row.instruction, "reference": row.optimized, "drafts": texts},
                )
    return failed


def _whole(instruction: str) -> bool:
    """Whether the optimizer would see the text as it is, and not split it again."""
    parts = split(instruction)
    return parts.clear and parts.instruction == instruction


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.second.drafts", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="JSONL, appended to")
    parser.add_argument("--more", type=Path, help="further prompts: JSONL of prompt, chosen, rejected")
    parser.add_argument("--exclude-sources", nargs="*", default=["bpo"], help="sources to leave out; default: bpo")
    parser.add_argument("--noise", type=float, default=0.4, help="share of the pairs that come again with noise")
    parser.add_argument("--model", help="the optimizer; default: the embedded one")
    parser.add_argument("--k", type=int, default=3, help="drafts a prompt, the first greedily; default: %(default)s")
    parser.add_argument("--temperature", type=float, default=0.9, help="of all drafts but the first")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
