"""python -m training.augment COMMAND SETTINGS.toml --out DIR: instruction data, reconstructed with BPO.

plan          what will be asked and what it will cost; asks nobody, needs no key
rewrite       only the optimized prompts; after it the plan is exact
build         everything; the same command resumes, and asks for nothing twice
export-batch  the open requests as a file for a batch API, at half the price; after rewrite
import-batch  the answers of such a file; then build
train         fine-tune on a file of the result: python -m training.augment train --help

The settings are described in training/augment/settings.py, the result is checked by python -m training.data.verify.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bpo_model import BPOError
from training.augment.build import LEDGER, build, estimate, prepare, rewrite_all
from training.augment.settings import AugmentConfig, load_settings
from training.data.teaching.batches import export_requests, import_batch
from training.data.teaching.ledger import Ledger
from training.data.teaching.plan import shown_usd


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 an error that says what to do, 2 rows are left that have no answer yet."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["train"]:  # its flags are TRL's, and importing it takes seconds
        from training.augment.train import main as train

        return train(words[1:])
    args = _parser().parse_args(words)
    try:
        config = load_settings(args.settings)
        if args.max_usd is not None:
            config = replace(config, llm=replace(config.llm, max_usd=args.max_usd))
        code: int = args.run(config, args)
    except (ValueError, OSError, BPOError) as error:
        print(f"training.augment: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return code


def _plan(config: AugmentConfig, args: argparse.Namespace) -> int:
    prepared, found = estimate(config, args.out)
    rows, done = len(prepared.examples.kept), len(prepared.rewrites)
    rests = f"{found.measured} answers" if found.measured else "rules of thumb"
    print(  # noqa: T201
        f"{rows} prompts, {done} of them rewritten or looked at; left out: "
        f"{_counts(reject.reason for reject in prepared.examples.rejects)}; not drawn: {prepared.examples.not_drawn}\n"
        f"{'at most ' if done < rows else ''}{found.rows} requests to {config.llm.model}, {found.answered} of them "
        f"answered; the rest, by {rests}:\n"
        f"{found.prompt_tokens:,} tokens in, {found.completion_tokens:,} out; "
        f"USD {shown_usd(found.usd)}, as a batch {shown_usd(found.usd_batch)}"
    )
    return 0


def _rewrite(config: AugmentConfig, args: argparse.Namespace) -> int:
    found, failed = rewrite_all(config, args.out)
    print(f"{_counts(one.reason for one in found.rewrites.values())}; failed: {failed}")  # noqa: T201
    return 2 if failed else 0


def _build(config: AugmentConfig, args: argparse.Namespace) -> int:
    built = build(config, args.out)
    rows = {arm: len(found) for arm, found in built.arms.rows.items()}
    print(  # noqa: T201
        f"rows: {rows}; left out: {_counts(reject.reason for reject in built.arms.rejects)}; "
        f"{built.answers.asked} answers asked for now, USD {shown_usd(built.answers.cost)} in all"
    )
    if built.arms.open:
        print(  # noqa: T201
            f"{built.arms.open} prompts lack an answer, so nothing is written yet; the same command goes on. "
            f"{built.answers.stopped}", file=sys.stderr,
        )  # fmt: skip
    return 2 if built.arms.open else 0


def _export(config: AugmentConfig, args: argparse.Namespace) -> int:
    found = prepare(config, args.out)
    if not found.rewrites:
        raise ValueError("no prompt has a rewrite yet; first: python -m training.augment rewrite")
    missing = len(found.examples.kept) - len(found.rewrites)
    if missing:
        print(f"{missing} prompts have no rewrite yet, and are not in it", file=sys.stderr)  # noqa: T201
    files = export_requests(found.requests(), Ledger(args.out / LEDGER), args.file)
    print("\n".join(str(file) for file in files) or "nothing is open")  # noqa: T201
    return 0


def _import(config: AugmentConfig, args: argparse.Namespace) -> int:
    with closing(Ledger(args.out / LEDGER)) as ledger:
        found = import_batch(args.file, ledger)
    print(f"{found.added} answers added, {found.known} known before, failed: {found.failed or 'none'}")  # noqa: T201
    return 0


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items())) or "none"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.augment", description=(__doc__ or "").split("\n\n")[0],
        epilog="And `train`, with flags of its own: python -m training.augment train --help",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True)
    for name, run, about in (
        ("plan", _plan, "what will be asked and what it will cost; asks nobody"),
        ("rewrite", _rewrite, "only the optimized prompts"),
        ("build", _build, "everything; the same command resumes"),
        ("export-batch", _export, "write the open requests for a batch API"),
        ("import-batch", _import, "take the answers of a batch"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("settings", type=Path, help="TOML, see training/augment/settings.py")
        if name.endswith("batch"):
            command.add_argument("file", type=Path)
        command.add_argument("--out", type=Path, required=True, help="folder of rewrites, ledger and data")
        command.add_argument("--max-usd", type=float, help="in place of the settings' limit")
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
