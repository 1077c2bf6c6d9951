"""python -m evals.soak --minutes 60 --out runs/soak: the embedded optimizer under mixed load.

Single calls, batches, event loops, deadlines, cancelled tasks, streaming through LangChain, bad input, copies and
forks, all at once, with and without a cache. Every result is held to the promises of the product. Memory, threads and
open files are sampled; growth after the warm-up is told with a 95% interval. Exit code 1 for a broken promise or a
leak. Shorter runs see only larger leaks: ten minutes about 70 MiB an hour, an hour about 12.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from evals.soak.load import World
from evals.soak.run import soak, to_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m evals.soak", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("runs/soak"))
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks at the process")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    logging.getLogger("bpo_model").setLevel(logging.CRITICAL)  # bad input is part of the load
    report = soak(60 * args.minutes, args.every, args.out, World(), args.seed)
    print(to_text(report))  # noqa: T201
    return 1 if report["broken"] or report["process"]["leaks"] else 0


if __name__ == "__main__":
    sys.exit(main())
