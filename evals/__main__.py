"""python -m evals plan | run | report: the paper's win-rate benchmarks, see evals/README.md."""

import sys

from evals.winrate.cli import main

if __name__ == "__main__":
    sys.exit(main())
