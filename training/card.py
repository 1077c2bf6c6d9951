"""MODEL_CARD.md of an optimizer: written from its manifest, so that it says what was done and nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any

CARD = "MODEL_CARD.md"
_HEAD = """\
# Model card

A prompt optimizer: it rewrites a prompt so that an LLM answers it better (Black-Box Prompt Optimization, arXiv
2311.04155). Made with `python -m {command}`.

Never send its raw output: it drops and invents details. `PromptOptimizer.from_pretrained(FOLDER)` verifies every
candidate, and otherwise returns the original. It is no safety filter. Whether its rewrites improve the answers of
your LLM is not known until you measure it (`python -m evals`)."""


def model_card(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown; the same manifest gives the same text."""
    settings, results, data = manifest["settings"], manifest["results"], manifest["data"]
    losses = [(name, f"{results[name]['nats_per_token']:.3f}") for name in ("val_loss_before", "val_loss_after")]
    facts = [
        *losses,
        ("validation rows", results["val_loss_after"]["rows"]),
        ("steps", results["steps"]),
        ("training seconds", f"{results['train_seconds']:.0f}"),
        ("machine", ", ".join(str(value) for value in manifest["machine"].values())),
        ("finished", manifest["finished"]),
        ("commit", manifest["commit"] or "unknown"),
    ]
    return "\n\n".join([
        _HEAD.format(command=manifest["command"]),
        f"## Results\n\nLosses are nats per token of the optimized instruction.\n\n{_table(facts)}",
        "## Data\n\nRows kept, and left out by reason. The licences of the rows bind the weights too: see the data's "
        f"own card.\n\n### Training\n\n{_table(data['train'].items())}",
        f"### Validation\n\n{_table(data['val'].items())}",
        f"## Template\n\n```\n{manifest['template']}\n```",
        f"## Settings\n\n{_table(settings.items())}",
        f"## Versions\n\n{_table(manifest['versions'].items())}",
        f"## Files\n\n{_table((name, facts['sha256']) for name, facts in manifest['files'].items())}",
    ]) + "\n"  # fmt: skip


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: Any) -> str:
    """One line without a column's border."""
    return " ".join(str(value).split()).replace("|", "\\|")
