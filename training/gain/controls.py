"""Is a gain worth anything? Beside it stand prompts that must not gain, and one that gives the answer away."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from bpo_model import PromptOptimizer
from training.gain.items import Item
from training.gain.judge import Gain, margins_of
from training.gain.leak import leak
from training.gain.scorer import Scores

SUFFIX = "Please give a detailed, accurate and helpful answer."
"""What one sentence for all prompts achieves."""
LEAKED_WORDS = 20
REFERENCE, EMBEDDED, OTHER = "reference rewrite", "optimizer's rewrite", "another item's rewrite"
GENERIC, LEAKED = "generic suffix", f"first {LEAKED_WORDS} words of the answer"


def control_table(items: Sequence[Item], optimizer: PromptOptimizer, scorer: Scores) -> dict[str, Any]:
    """Gains of the rewrites and of the controls, and the paired differences between them.

    Raises:
        ValueError: If there are fewer than two items, or one has no reference rewrite.
    """
    if len(items) < 2 or not all(item.reference for item in items):
        raise ValueError(f"controls need two items or more, each with `optimized_prompt`; got {len(items)}")
    arms = _arms(items, optimizer)
    before = margins_of([(item, item.prompt) for item in items], scorer)
    gains = {name: _gains(items, prompts, before, scorer) for name, prompts in arms.items()}
    return {
        "items": len(items),
        "scorer": scorer.name,
        "arms": {name: {**_summary(gains[name]), **_about(items, arms[name])} for name in arms},
        "differences": {
            f"{own} - {control}": _summary([a - b for a, b in zip(gains[own], gains[control], strict=True)])
            for own in (REFERENCE, EMBEDDED)
            for control in (OTHER, GENERIC, LEAKED)
        },
        "gains": {name: [[round(one.total, 3), round(one.mean, 5)] for one in some] for name, some in gains.items()},
        "ids": [item.id for item in items],
    }


def to_markdown(table: Mapping[str, Any]) -> str:
    """The table for people."""
    head = ["gain in nats (se)", "> 0", "per token (se)", "> 0"]
    arms = [[name, *_cells(one), str(one["changed"]), str(one["leaks"])] for name, one in table["arms"].items()]
    differences = [[name, *_cells(one)] for name, one in table["differences"].items()]
    return "\n".join([
        f"{table['items']} items; scorer {table['scorer']}. A gain is the change of log p(chosen) - log p(rejected).",
        "",
        *_rows(["prompt", *head, "changed", "called a leak"], arms),
        "",
        *_rows(["paired difference", *head], differences),
        "",
    ])  # fmt: skip


def _arms(items: Sequence[Item], optimizer: PromptOptimizer) -> dict[str, list[str]]:
    """The prompts of every row of the table, in the order of the items."""
    references = [item.reference for item in items]
    rewrites = optimizer.optimize_batch([item.prompt for item in items], rewrite="always", on_error="raise")
    return {
        REFERENCE: references,
        EMBEDDED: [result.text for result in rewrites],
        OTHER: [*references[1:], *references[:1]],
        GENERIC: [f"{item.prompt} {SUFFIX}" for item in items],
        LEAKED: [" ".join([item.prompt, *item.chosen.split()[:LEAKED_WORDS]]) for item in items],
    }


def _gains(items: Sequence[Item], prompts: Sequence[str], before: Sequence[Gain], scorer: Scores) -> list[Gain]:
    """The gain of every prompt over that of its item."""
    after = margins_of(list(zip(items, prompts, strict=True)), scorer)
    return [new - old for new, old in zip(after, before, strict=True)]


def _summary(gains: Sequence[Gain]) -> dict[str, Any]:
    """Means with their standard errors, and shares above 0."""
    return {
        name: {
            "mean": round(fmean(values), 4),
            "se": round(stdev(values) / len(values) ** 0.5, 4),
            "positive": round(fmean(value > 0 for value in values), 4),
        }
        for name, values in (("total", [one.total for one in gains]), ("per_token", [one.mean for one in gains]))
    }


def _about(items: Sequence[Item], prompts: Sequence[str]) -> dict[str, int]:
    """How many prompts differ from the item's, and how many the leak check rejects."""
    changed = [(item, prompt) for item, prompt in zip(items, prompts, strict=True) if prompt != item.prompt]
    leaks = sum(bool(leak(item.prompt, prompt, item.chosen, item.rejected)) for item, prompt in changed)
    return {"changed": len(changed), "leaks": leaks}


def _cells(one: Mapping[str, Any]) -> list[str]:
    """Four cells: both means with their errors, and both shares."""
    total, mean = one["total"], one["per_token"]
    return [
        f"{total['mean']:+.1f} ({total['se']:.1f})", f"{total['positive']:.0%}",
        f"{mean['mean']:+.3f} ({mean['se']:.3f})", f"{mean['positive']:.0%}",
    ]  # fmt: skip


def _rows(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A markdown table."""
    return ["| " + " | ".join(row) + " |" for row in (names, ["---"] * len(names), *rows)]
