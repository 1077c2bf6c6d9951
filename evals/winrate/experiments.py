"""The paper's tables and figures as data: which arms are compared on which sets (experiments.toml)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bpo_model.compare.types import Arm
from evals.opro.found import load_found
from evals.winrate.arms import REWRITERS

FILE = Path(__file__).with_name("experiments.toml")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: is arm a better than arm b?"""

    name: str
    a: Arm
    b: Arm


@dataclass(frozen=True, slots=True)
class Experiment:
    """A table or a figure."""

    name: str
    about: str
    sets: tuple[str, ...]
    rows: tuple[Row, ...]


def load_experiment(name: str, file: Path = FILE) -> Experiment:
    """Read one experiment; `opro:FOLDER/result.json` is that of OPRO with what a search found.

    Raises:
        ValueError: If there is none of this name, or an arm is not known, naming it.
    """
    name, _, result = name.partition(":")
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    if name not in found:
        raise ValueError(f"unknown experiment {name!r}; known: {', '.join(sorted(found))}")
    entry = found[name]
    rows = tuple(Row(row["name"], _arm(row["a"]), _arm(row["b"])) for row in entry["rows"])
    names = [row.name for row in rows]
    if len(set(names)) < len(names):
        raise ValueError(f"{name} names two rows alike: {sorted(names)}")
    experiment = Experiment(name, entry["about"], tuple(entry["sets"]), rows)
    return _with_found(experiment, Path(result)) if result else experiment


def with_targets(experiment: Experiment, targets: Mapping[str, str], rows: Sequence[str] | None = None) -> Experiment:
    """The experiment with models of one's own: aliases by the paper's names, `*` for all others.

    Rows that become equal by that (every row of table 3 with a single model) are kept once. A row in
    which `*` stood for a model loses the paper's name: its numbers are not comparable.

    Raises:
        ValueError: If a target has no alias, or a row is not known, naming it.
    """
    known = [row.name for row in experiment.rows]
    unknown = sorted(set(rows or ()) - set(known))
    if unknown:
        raise ValueError(f"{experiment.name} has no row {unknown}; known: {known}")
    chosen = [_with_aliases(row, targets) for row in experiment.rows if rows is None or row.name in rows]
    return replace(experiment, rows=tuple({(row.a, row.b): row for row in reversed(chosen)}.values())[::-1])


def _with_aliases(row: Row, targets: Mapping[str, str]) -> Row:
    """The row with other models, under a name that says so."""
    a, b = _renamed(row.a, targets), _renamed(row.b, targets)
    same = row.a.target in targets and row.b.target in targets
    return Row(row.name if same else f"{a.name} vs {b.name}", a, b)


def _with_found(experiment: Experiment, result: Path) -> Experiment:
    """On the prompts that the search has not seen; the digest makes other instructions other records of a run."""
    if not any(arm.rewriter == "opro" for row in experiment.rows for arm in (row.a, row.b)):
        raise ValueError(f"{experiment.name} has no arm opro, which alone needs a result, got {str(result)!r}")
    found = load_found(result)

    def arm(one: Arm) -> Arm:
        return replace(one, rewriter=f"opro:{found.sha[:16]}:{result}") if one.rewriter == "opro" else one

    rows = tuple(replace(row, a=arm(row.a), b=arm(row.b)) for row in experiment.rows)
    return replace(experiment, rows=rows, sets=tuple(map(str, found.held_out)))


def _arm(entry: Mapping[str, Any]) -> Arm:
    """An arm, checked."""
    rewriter = entry.get("rewriter", "none")
    if rewriter not in REWRITERS:
        raise ValueError(f"unknown rewriter {rewriter!r}; known: {', '.join(REWRITERS)}")
    iterations = entry.get("iterations", 1)
    if not (isinstance(iterations, int) and iterations >= 1):
        raise ValueError(f"iterations must be a whole number >= 1, got {iterations!r}")
    return Arm(_name(entry["target"], rewriter, iterations), rewriter, entry["target"], iterations)


def _renamed(arm: Arm, targets: Mapping[str, str]) -> Arm:
    alias = targets.get(arm.target, targets.get("*"))
    if alias is None:
        raise ValueError(f"no model stands for {arm.target!r}; give it an alias, or one for all as '*'")
    return replace(arm, target=alias, name=_name(alias, arm.rewriter, arm.iterations))


def _name(target: str, rewriter: str, iterations: int) -> str:
    return f"{target}+{rewriter.partition(':')[0]}" + (f"x{iterations}" if iterations > 1 else "")
