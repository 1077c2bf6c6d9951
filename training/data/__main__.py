"""python -m training.data COMMAND SETTINGS.toml --out DIR: from preference data to verified pairs.

plan          rows by source and reason, and what the teacher will cost; asks nobody, needs no key
build         everything; the same command resumes, and asks for nothing twice
export-batch  the open requests as a file for a batch API, at half the price
import-batch  the answers of such a file; then build

The settings are described in training/data/settings.py, the result is checked by python -m training.data.verify.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bpo_model import BPOError
from training.data.build import LEDGER, build, prepare
from training.data.settings import BuildConfig, load_settings
from training.data.teaching.batches import export_batch, import_batch
from training.data.teaching.construct import Built, construct
from training.data.teaching.ledger import Ledger
from training.data.teaching.plan import plan, shown_usd


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 an error that says what to do, 2 rows are left that have no answer yet."""
    args = _parser().parse_args(argv)
    try:
        config = load_settings(args.settings)
        if args.max_usd is not None:
            config = replace(config, teacher=replace(config.teacher, max_usd=args.max_usd))
        code: int = args.run(config, args)
    except (ValueError, OSError, BPOError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return code


def _plan(config: BuildConfig, args: argparse.Namespace) -> int:
    selection = prepare(config).selection
    for name, found in selection.report["sources"].items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in found["rejected"].items()) or "none"
        print(f"{name:12}{found['rows']:>8} rows{found['kept']:>8} kept   left out: {reasons}")  # noqa: T201
    found = plan(selection.kept, config.teacher, Ledger(args.out / LEDGER))
    rests = f"{found.measured} answers" if found.measured else "rules of thumb"
    print(  # noqa: T201
        f"\n{found.rows} requests, {found.answered} of them answered; the rest, by {rests}:\n"
        f"{found.prompt_tokens:,} tokens in, {found.completion_tokens:,} out; "
        f"USD {shown_usd(found.usd)}, as a batch {shown_usd(found.usd_batch)}"
    )
    return 0


def _build(config: BuildConfig, args: argparse.Namespace) -> int:
    if args.workers:
        from training.data.on_ray import fill_ledger

        kept = prepare(config).selection.kept
        fill_ledger(kept, config.teacher, args.out / LEDGER, workers=args.workers, address=args.address)
    if args.shard:
        kept = prepare(config).selection.kept
        with closing(Ledger(args.out / LEDGER)) as ledger:
            return _report(construct(kept, config.teacher, ledger, shard=args.shard))
    return _report(build(config, args.out))


def _export(config: BuildConfig, args: argparse.Namespace) -> int:
    files = export_batch(prepare(config).selection.kept, config.teacher, Ledger(args.out / LEDGER), args.file)
    print("\n".join(str(file) for file in files) or "nothing is open")  # noqa: T201
    return 0


def _import(config: BuildConfig, args: argparse.Namespace) -> int:
    with closing(Ledger(args.out / LEDGER)) as ledger:
        found = import_batch(args.file, ledger)
    print(f"{found.added} answers added, {found.known} known before, failed: {found.failed or 'none'}")  # noqa: T201
    return 0


def _report(built: Built) -> int:
    """What came of it, in one line each."""
    print(  # noqa: T201
        f"{len(built.pairs)} pairs; {len(built.rejects)} rows gave none; {built.asked} requests now; "
        f"{built.usage.prompt_tokens:,} tokens in, {built.usage.completion_tokens:,} out in all, "
        f"USD {shown_usd(built.cost)}"
    )
    if built.open:
        print(f"{built.open} rows have no answer yet; the same command asks again. {built.stopped}", file=sys.stderr)  # noqa: T201
    return 2 if built.open else 0


def _shard(text: str) -> tuple[int, int]:
    """`2/8` is the second of eight, as people count."""
    number, _, shards = text.partition("/")
    if not (number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)):
        raise argparse.ArgumentTypeError(f"a shard is I/N with 1 <= I <= N, got {text!r}")
    return int(number) - 1, int(shards)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.data", description=(__doc__ or "").split("\n\n")[0])
    commands = parser.add_subparsers(required=True)
    for name, run, about in (
        ("plan", _plan, "what will be asked and what it will cost; asks nobody"),
        ("build", _build, "everything; the same command resumes"),
        ("export-batch", _export, "write the open requests for a batch API"),
        ("import-batch", _import, "take the answers of a batch"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("settings", type=Path, help="TOML, see training/data/settings.py")
        if name.endswith("batch"):
            command.add_argument("file", type=Path)
        command.add_argument("--out", type=Path, required=True, help="folder of the ledger and of the pairs")
        command.add_argument("--max-usd", type=float, help="in place of the settings' limit")
        command.set_defaults(run=run, workers=0, shard=None)
        if name == "build":
            command.add_argument("--shard", type=_shard, help="I/N: ask for a part only, and write no pairs")
            command.add_argument("--workers", type=int, default=0, help="ask with so many Ray workers")
            command.add_argument("--address", help="of a Ray cluster; default: this machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
