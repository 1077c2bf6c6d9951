"""What the optimizer does with a file of prompts: outcomes, checks that fired, losses, latency, memory.

python -m evals.rewrites FILE [--model FOLDER] [--limit N] [--reference]

FILE is JSONL, or a JSON list, of objects with `prompt`. With --reference the contract is
applied to the `optimized_prompt` of every row instead, and no model is loaded.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bpo_model import OptimizedPrompt, PromptOptimizer, Reason
from bpo_model.checks import spans
from bpo_model.contract import verify_prompt
from bpo_model.split import split
from evals.machine import machine

WARM_UP = "how do volcanoes work"


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print one JSON report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", help="a folder from training.sft; default: embedded")
    parser.add_argument("--limit", type=int, help="only the first so many prompts")
    parser.add_argument("--reference", action="store_true", help="judge the file's own optimized prompts")
    args = parser.parse_args(argv)
    rows = read_rows(args.file)[: args.limit]
    report = reference_report(rows) if args.reference else model_report([row["prompt"] for row in rows], args.model)
    print(json.dumps({"file": args.file.name, **report}, indent=2, ensure_ascii=False))  # noqa: T201
    return 0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON list or a JSONL file."""
    text = path.read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = (
        json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    return rows


def reference_report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How many given rewrites hold the contract, and which checks fire on the others."""
    changed = [row for row in rows if row["prompt"] != row["optimized_prompt"]]
    fired: Counter[str] = Counter()
    passed = 0
    for row in changed:
        checks = {violation.check for violation in verify_prompt(row["prompt"], row["optimized_prompt"])}
        fired.update(checks)
        passed += not checks
    return {"rows": len(rows), "changed": len(changed), "pass": passed, "fired": dict(fired.most_common())}


def model_report(prompts: list[str], model: str | None) -> dict[str, Any]:
    """One prompt at a time, as a chat application would call it."""
    started = time.perf_counter()
    optimizer = PromptOptimizer.from_pretrained(model)
    optimizer.optimize(WARM_UP)
    loaded = time.perf_counter() - started
    results = [optimizer.optimize(prompt) for prompt in prompts]
    generated = [result for result in results if result.tokens.completion]
    latencies = sorted(result.latency_ms for result in generated)
    return {
        "prompts": len(results),
        "machine": machine(),
        "load_and_first_prompt_s": round(loaded, 2),
        "reasons": dict(Counter(result.reason.value for result in results).most_common()),
        "unchanged_share": _share([not result.changed for result in results]),
        "first_candidate_pass_rate": _share([not _first_failed(result) for result in generated]),
        "checks_fired": dict(Counter(v.check for result in results for v in result.violations).most_common()),
        "lost_numbers": sum(_lost_numbers(result) for result in results),
        "contexts": sum(bool(split(result.original).context.strip()) for result in results),
        "damaged_contexts": sum(_damaged_context(result) for result in results),
        "latency_ms": {"p50": _quantile(latencies, 0.5), "p95": _quantile(latencies, 0.95), "n": len(latencies)},
        "median_growth": _growth([result for result in results if result.changed]),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _first_failed(result: OptimizedPrompt) -> bool:
    """Whether the first candidate failed; retries only run after a failure."""
    return bool(result.violations) or result.reason is Reason.REJECTED


def _lost_numbers(result: OptimizedPrompt) -> bool:
    """Whether a number of the prompt is missing from what goes out."""
    return bool(spans.numbers(result.original) - spans.numbers(result.text) - spans.number_words(result.text))


def _damaged_context(result: OptimizedPrompt) -> bool:
    """Whether the context of the prompt is not there byte for byte."""
    parts = split(result.original)
    return not (result.text.startswith(parts.before) and result.text.endswith(parts.after))


def _growth(changed: list[OptimizedPrompt]) -> float | None:
    """Median of words after over words before."""
    ratios = [len(result.text.split()) / max(1, len(result.original.split())) for result in changed]
    return round(statistics.median(ratios), 2) if ratios else None


def _share(flags: list[bool]) -> float | None:
    """Share of true values."""
    return round(sum(flags) / len(flags), 3) if flags else None


def _quantile(ordered: list[float], q: float) -> float | None:
    """The value at a quantile of ordered values, the nearest rank."""
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) if ordered else None


if __name__ == "__main__":
    sys.exit(main())
