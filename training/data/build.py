"""The whole way from preference data to a checked folder of pairs.

load -> select -> ask the teacher -> keep what passes -> write. Loading and selecting are quick and repeat
themselves exactly; the answers are in the ledger. So stopping at any place costs nothing, and the same command
goes on.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bpo_model.files import write_text
from training.data.artifacts import PAIRS, write_manifest, write_table, write_training_files
from training.data.card import write_card
from training.data.plots import plot_distributions
from training.data.selection.evals import read_evals
from training.data.selection.select import Selection, select
from training.data.selection.table import table_1
from training.data.settings import BuildConfig, SourceConfig
from training.data.sources.generic import UNKNOWN
from training.data.sources.registry import load_source, source_files
from training.data.teaching.construct import Built, construct
from training.data.teaching.ledger import Ledger
from training.data.types import Pair, Preference, Reject

LEDGER = "ledger"
DATA = "data"


@dataclass(frozen=True, slots=True)
class Selected:
    """What the teacher is asked about, and why not of the rest."""

    selection: Selection
    rejects: tuple[Reject, ...]
    """Of loading."""


def prepare(config: BuildConfig) -> Selected:
    """Load all sources and choose.

    Raises:
        ValueError: If a source or a test set cannot be read.
    """
    loaded = [_load(source) for source in config.sources]
    rows = [row for kept, _ in loaded for row in kept]
    rejects = tuple(reject for _, left_out in loaded for reject in left_out)
    return Selected(select(rows, config.select, read_evals(config.select.eval_files)), rejects)


def build(config: BuildConfig, out: Path, *, progress: bool = True) -> Built:
    """Build everything into `out`: OUT/ledger has the answers, OUT/data the pairs and what vouches for them."""
    selected = prepare(config)
    with closing(Ledger(out / LEDGER)) as ledger:
        built = construct(selected.selection.kept, config.teacher, ledger, progress=progress)
    _write(config, selected, built, out / DATA)
    return built


def _load(source: SourceConfig) -> tuple[list[Preference], list[Reject]]:
    kept, rejects = load_source(source.source, source.path, source.revision, source.name)
    if source.licence:
        kept = [_licensed(row, source.licence) for row in kept]
    return kept, rejects


def _licensed(row: Preference, licence: str) -> Preference:
    """A row that names no licence gets the one of its file."""
    return replace(row, licence=licence) if row.licence == UNKNOWN else row


def _write(config: BuildConfig, selected: Selected, built: Built, folder: Path) -> None:
    """Tables, training files, statistics, plot, card and, last, the manifest."""
    kept, rejects = selected.selection.kept, [*selected.rejects, *selected.selection.rejects, *built.rejects]
    table = table_1(kept, {pair.id for pair in built.pairs}, config.select.seed)
    write_table(folder / "preferences.parquet", kept, Preference)
    write_table(folder / PAIRS, built.pairs, Pair)
    write_table(folder / "rejects.parquet", rejects, Reject)
    split = write_training_files(folder, built.pairs, config.val_share)
    counts = {"selected": len(kept), "pairs": len(built.pairs), "rejects": len(rejects), "open": built.open, **split}
    write_text(folder / "stats.json", _json({"selection": selected.selection.report, "construction": table}))
    plot_distributions(folder / "distributions.svg", built.pairs, rejects)
    write_card(
        folder, built.pairs, rejects, settings=_thresholds(config), decontamination=_decontamination(config, selected),
        table=_figures(table),
    )  # fmt: skip
    usage = {"prompt": built.usage.prompt_tokens, "completion": built.usage.completion_tokens}
    write_manifest(folder, config=config.public(), inputs=_inputs(config), counts=counts, tokens=usage, cost=built.cost)


def _inputs(config: BuildConfig) -> dict[str, Path]:
    """All files that were read, by names that say where they belong; HH has one name in several folders."""
    read = {
        f"{source.name}/{file.parent.name}/{file.name}": file
        for source in config.sources for file in source_files(source.source, source.path, source.revision)
    }  # fmt: skip
    return {**read, **{f"eval {number}/{file.name}": file for number, file in enumerate(config.select.eval_files)}}


def _thresholds(config: BuildConfig) -> dict[str, object]:
    """What the card says of the settings."""
    chosen, asked = config.public()["select"], config.public()["teacher"]
    return {**chosen, **{f"teacher {name}": asked[name] for name in ("model", "temperature", "max_tokens")}}


def _decontamination(config: BuildConfig, selected: Selected) -> str:
    """In sentences."""
    if not config.select.eval_files:
        return "None: no test set was named. Do not report results on a test set with a model trained on these pairs."
    found = selected.selection.report["evals"]
    sets = ", ".join(f"{name} ({count} prompts)" for name, count in found["prompts"].items())
    return (
        f"Rows were left out that repeat a prompt of these sets, exactly or in eight words in a row: {sets}. "
        f"That were {sum(found['rows'].values())} rows."
    )


def _figures(table: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Table 1 for the card: rows and distinct-4 before and after construction, ours and the paper's."""
    lines: dict[str, dict[str, object]] = {}
    for row in table["rows"]:
        paper = row["paper"] or {}
        lines[row["source"]] = {
            f"{who}{step}: {name}": values[step][key] if values else "-"
            for who, values in (("", row), ("paper, ", paper))
            for step in ("before", "after")
            for name, key in (("rows", "rows"), ("distinct-4", "distinct_4"))
        }
    return lines


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
