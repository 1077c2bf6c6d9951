"""Time and memory of every stage on synthetic prompts: `python -m training.data.selection.bench --rows 100000`.

Every stage gets all rows, and its own process, so that its peak is its own.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from multiprocessing import get_context

from training.data.selection.decontaminate import decontaminate
from training.data.selection.diversity import diversify
from training.data.selection.duplicates import drop_duplicates
from training.data.selection.evals import EvalPrompt
from training.data.selection.rules import Limits, apply_rules
from training.data.selection.self_bleu import leave_one_out, mark
from training.data.selection.table import table_1
from training.data.selection.text import prompt_of, tokens
from training.data.types import Preference

VOCABULARY = 30_000
LETTERS = "eeeettaaooiinnsshhrrddlluucmwfgypbvk"
"""Roughly as frequent as in English."""
TEMPLATES = (
    "What is the best way to {} a {} in {}?",
    "Write a short story about {} and {}.",
    "How do I {} my {}?",
    "Explain {} to a {} in simple words, please.",
    "Give me a list of {} {} for {}",
    "Summarize {} {} {} {} {}",
)
REPEATED, EDITED, TEMPLATED = 0.05, 0.05, 0.4
"""Parts of the rows: copies, copies with another word, filled templates; the rest are words by chance."""
EVALS = 700


def _rules(rows: Sequence[Preference]) -> int:
    return len(apply_rules(rows, Limits(3, 250, ("en",)))[0])


def _decontaminate(rows: Sequence[Preference]) -> int:
    evals = [EvalPrompt(f"eval/{number}", text) for number, text in enumerate(prompts(EVALS, seed=1))]
    return len(decontaminate(rows, evals)[0])


def _duplicates(rows: Sequence[Preference]) -> int:
    return len(drop_duplicates(rows, seed=0)[0])


def _diversity(rows: Sequence[Preference]) -> int:
    return len(diversify(rows, seed=0, tau=1.0, quota=len(rows) // 2).kept)


def _self_bleu(rows: Sequence[Preference]) -> int:
    return len(leave_one_out(mark([tokens(prompt_of(row)) for row in rows])))


def _table(rows: Sequence[Preference]) -> int:
    half = {row.id for row in rows[::2]}
    return len(rows) if table_1(rows, half, seed=0) else 0


STAGES: dict[str, Callable[[Sequence[Preference]], int]] = {
    "rules": _rules,
    "decontaminate": _decontaminate,
    "duplicates": _duplicates,
    "diversity (quota: half)": _diversity,
    "self-BLEU of all": _self_bleu,
    "table 1": _table,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage took."""

    kept: int
    seconds: float
    cpu_seconds: float
    """Of the process: less than `seconds` where others use the machine."""
    extra_mb: float
    """Peak of resident memory above what the rows take, in MiB."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args(arguments).rows
    print(f"{'stage':26}{'kept':>9}{'seconds':>9}{'CPU':>7}{'MiB':>7}", flush=True)  # noqa: T201
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for name in STAGES:
            cost = processes.submit(measure, name, count).result()
            times = f"{cost.seconds:9.1f}{cost.cpu_seconds:7.1f}"
            print(f"{name:26}{cost.kept:9}{times}{cost.extra_mb:7.0f}", flush=True)  # noqa: T201


def measure(stage: str, count: int) -> Cost:
    """Run one stage on so many rows; meant for a process of its own."""
    rows = [
        Preference(f"bench/{number}", "bench", str(number), text, "", "yes", "no", "en", "CC0-1.0")
        for number, text in enumerate(prompts(count))
    ]
    before, start, cpu = _peak_mb(), time.perf_counter(), time.process_time()
    kept = STAGES[stage](rows)
    return Cost(kept, time.perf_counter() - start, time.process_time() - cpu, _peak_mb() - before)


def prompts(count: int, seed: int = 0) -> list[str]:
    """Texts with a Zipf-like vocabulary, templates and repetitions."""
    chance = random.Random(seed)
    words = [_word(chance) for _ in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
    texts: list[str] = []
    for _ in range(count):
        kind = chance.random()
        if kind < REPEATED and texts:
            texts.append(chance.choice(texts))
        elif kind < REPEATED + EDITED and texts:
            texts.append(_edited(chance.choice(texts), chance.choice(words), chance))
        elif kind < REPEATED + EDITED + TEMPLATED:
            texts.append(chance.choice(TEMPLATES).format(*chance.choices(words, cum_weights=weights, k=5)))
        else:
            texts.append(" ".join(chance.choices(words, cum_weights=weights, k=chance.randint(4, 40))))
    return texts


def _word(chance: random.Random) -> str:
    """Two letters or more, mostly four to eight."""
    return "".join(chance.choices(LETTERS, k=2 + int(chance.gammavariate(3, 1.6))))


def _edited(text: str, word: str, chance: random.Random) -> str:
    """The text with one word replaced."""
    words = text.split()
    words[chance.randrange(len(words))] = word
    return " ".join(words)


def _peak_mb() -> float:
    """The highest resident memory of this process so far, in MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    main()
