"""python -m evals.speed PROMPTS --out FOLDER: compare speeds in one run on one machine.

PROMPTS is JSONL, or a JSON list, of objects with `prompt`. The systems run in processes of
their own and take turns, so that whatever else the machine does hits all of them alike.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpo_model.checkpoint import load_checkpoint
from bpo_model.cores import usable_cores
from bpo_model.files import write_text
from evals.machine import machine
from evals.rewrites import read_rows
from evals.speed.report import plot, to_markdown
from evals.speed.roofline import memory_bandwidth, roofline
from evals.speed.rounds import Series, overhead, ratio
from evals.speed.systems import SYSTEMS, weights_bytes

SINGLE_ONLY = ("reference",)
"""One prompt at a time is what the procedure is."""
COLD_STARTS = 5
FILLER = "The ferry leaves the small harbour early, crosses the bay and returns before the evening fog comes in. "


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write report.json, report.md and report.svg."""
    args = _parser().parse_args(argv)
    short = [row["prompt"] for row in read_rows(args.prompts)][: args.limit]
    sets = {"short": short, "long context": with_long_context(short[: max(1, args.limit // 4)])}
    series = run_rounds(args.systems, sets, args.concurrency, args.rounds, args.model)
    report = make_report(series, args.model)
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(args.out / "report.json", json.dumps(report, indent=2) + "\n")
    write_text(args.out / "report.md", to_markdown(report))
    plot(report, args.out / "report.svg")
    print(to_markdown(report))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--model", help="a checkpoint; default: embedded")
    parser.add_argument("--limit", type=int, default=24, help="prompts a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    return parser


def with_long_context(prompts: list[str]) -> list[str]:
    """The prompts, each followed by some 400 words of context."""
    return [f"{prompt.splitlines()[0]}\n\nContext:\n{FILLER * 22}" for prompt in prompts]


class Child:
    """A system in its own process."""

    def __init__(self, system: str, model: str | None) -> None:
        """Start, and wait until it has answered its first prompt."""
        command = [sys.executable, "-m", "evals.speed.child", system, *([model] if model else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load_s = float(self._read()["load_s"])

    def measure(self, prompts: list[str], concurrency: int) -> dict[str, Any]:
        """One round."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"prompts": prompts, "concurrency": concurrency}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End of input ends the process."""
        assert self._process.stdin and self._process.stdout  # noqa: PT018
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _read(self) -> dict[str, Any]:
        """The next answer; a child that died has said why on standard error."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a measured system ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def run_rounds(
    systems: list[str], sets: dict[str, list[str]], concurrencies: list[int], rounds: int, model: str | None
) -> dict[tuple[str, str, int], Series]:
    """Every system takes its turn in every round; the order rotates."""
    children = {system: Child(system, model) for system in systems}
    series: dict[tuple[str, str, int], Series] = {}
    for number in range(rounds):
        order = systems[number % len(systems) :] + systems[: number % len(systems)]
        for name, prompts in sets.items():
            for concurrency in concurrencies if name == "short" else concurrencies[:1]:
                for system in order:
                    if concurrency == 1 or system not in SINGLE_ONLY:
                        one = series.setdefault((system, name, concurrency), Series(system, name, concurrency))
                        one.rounds.append(children[system].measure(prompts, concurrency))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)  # noqa: T201
    for child in children.values():
        child.close()
    return series


def make_report(series: dict[tuple[str, str, int], Series], model: str | None) -> dict[str, Any]:
    """Everything that was measured, and what follows from it."""
    ordered = sorted(series.values(), key=lambda one: (one.prompts != "short", list(SYSTEMS).index(one.system)))
    return {
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "checkpoint": load_checkpoint(model).name,
        "systems": [one.summary() for one in ordered],
        "ratios": list(_ratios(series)),
        "overheads": [
            overhead(series[ours], series[bare])
            for ours, bare in [(("ours: llama_cpp", "short", 1), ("bare llama.cpp", "short", 1))]
            if ours in series and bare in series
        ],
        "limits": limits(series, model),
    }


def _ratios(series: dict[tuple[str, str, int], Series]) -> list[dict[str, Any]]:
    """Against the reference at one prompt at a time, and against the same system's single stream."""
    found = []
    for (system, prompts, concurrency), one in series.items():
        base = series.get(("reference", prompts, 1))
        if base and concurrency == 1 and system != "reference":
            found.append(ratio(f"{system} / reference", one, base))
        if concurrency > 1 and (system, prompts, 1) in series:
            found.append(ratio(f"{system}: {concurrency} at once / 1", one, series[system, prompts, 1]))
    return found


def limits(series: dict[tuple[str, str, int], Series], model: str | None) -> dict[str, Any]:
    """Cold start, memory bandwidth, and the share of the roofline that one stream reaches."""
    size, alone = weights_bytes(model), memory_bandwidth(1)
    most = roofline(size, alone)
    found: dict[str, Any] = {
        "cold start of `bpo optimize`, s": cold_starts(model),
        "bytes per token, MB": round(size / 1e6, 1),
        "memory bandwidth of 1 thread, GB/s": round(alone / 1e9, 1),
        f"memory bandwidth of {usable_cores()} threads, GB/s": round(memory_bandwidth(usable_cores()) / 1e9, 1),
        "roofline of 1 stream and 1 thread, tokens/s": round(most, 1),
    }
    for system in ("bare llama.cpp", "ours: llama_cpp"):
        if one := series.get((system, "short", 1)):
            rate = statistics.median(run["tokens"] / run["seconds"] for run in one.rounds)
            found[f"share of the roofline, {system} (prompt processing included)"] = round(rate / most, 2)
    return found


def cold_starts(model: str | None) -> list[float]:
    """Seconds of `bpo optimize` in a fresh process, smallest to largest."""
    command = [
        sys.executable,
        "-m",
        "bpo_model.cli",
        "optimize",
        "write about dogs",
        *(["--model", model] if model else []),
    ]
    times = []
    for _ in range(COLD_STARTS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(round(time.perf_counter() - started, 2))
    return sorted(times)


if __name__ == "__main__":
    sys.exit(main())
