"""Choose the preferences that are worth a teacher's call, and say of every other one why not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.data.selection.decontaminate import decontaminate
from training.data.selection.diversity import Diverse, diversify
from training.data.selection.duplicates import drop_duplicates
from training.data.selection.evals import EvalPrompt
from training.data.selection.rules import Limits, apply_rules
from training.data.selection.self_bleu import leave_one_out, mark
from training.data.selection.table import OVERALL, PAPER, table_1
from training.data.selection.text import by_rank, prompt_of, tokens
from training.data.types import Preference, Reject

PAPER_QUOTAS = {name: line.sampled for name, line in PAPER.items() if name != OVERALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectConfig:
    """What to keep. The defaults take as much of each source as the paper, and are otherwise our own choice."""

    min_words: int = 3
    """Of instruction and context together."""
    max_words: int = 250
    """Ditto; the gate's limit at run time."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes; empty: all."""
    tau: float = 0.7
    """The highest self-BLEU with the rows of the same source that are kept before; 1: no such filter."""
    quotas: Mapping[str, int] = field(default_factory=lambda: dict(PAPER_QUOTAS))
    """Rows by source. Where there are more, tau is lowered until no more are left; other sources have no quota."""
    seed: int = 0
    """Decides which of similar rows is kept."""
    eval_files: tuple[Path, ...] = ()
    """Test sets that the rows must not contain (`read_evals`)."""

    def __post_init__(self) -> None:
        """Refuse what would keep nothing, or not what is meant."""
        if not 0 <= self.min_words <= self.max_words:
            raise ValueError(f"need 0 <= min_words <= max_words, got {self.min_words} and {self.max_words}")
        if not 0 <= self.tau <= 1:
            raise ValueError(f"tau is a BLEU from 0 to 1, got {self.tau}")
        if isinstance(self.languages, str) or any(code != code.lower() for code in self.languages):
            raise ValueError(f"languages must be a tuple of lower-case codes such as ('en',), got {self.languages!r}")
        negative = {source: quota for source, quota in self.quotas.items() if quota < 0}
        if negative:
            raise ValueError(f"a quota is a number of rows, got {negative}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Every row is in `kept` or in `rejects`."""

    kept: list[Preference]
    """By rank, which is a shuffle: any first part is a sample."""
    rejects: list[Reject]
    """By id; the stage is `select`."""
    report: dict[str, Any]
    """Counts by reason, threshold and self-BLEU by source, and Table 1, as JSON."""


def select(preferences: Iterable[Preference], config: SelectConfig, evals: Sequence[EvalPrompt]) -> Selection:
    """Rules, decontamination, duplicates, diversity: the cheap and certain first, then what compares rows.

    The result is the same whatever the order of the preferences. `evals` are the prompts of
    `config.eval_files`; none are needed if the rows are not for a model that will be tested.

    Raises:
        ValueError: If two rows have the same id.
    """
    rows = by_rank(preferences, config.seed)
    _check_ids(rows)
    ruled, bad = apply_rules(rows, Limits(config.min_words, config.max_words, config.languages))
    clean, contaminated = decontaminate(ruled, evals)
    unique, repeated = drop_duplicates(clean, config.seed)
    diverse = _diversify(unique, config)
    kept = by_rank((row for part in diverse.values() for row in part.kept), config.seed)
    rejects = [*bad, *contaminated, *repeated, *(reject for part in diverse.values() for reject in part.rejects)]
    rejects.sort(key=lambda reject: reject.id)
    return Selection(kept, rejects, _report(rows, kept, rejects, diverse, config, evals))


def _check_ids(rows: Iterable[Preference]) -> None:
    """Ids decide who stays, so they must tell rows apart."""
    repeated = sorted(id_ for id_, times in Counter(row.id for row in rows).items() if times > 1)
    if repeated:
        raise ValueError(f"{len(repeated)} ids come more than once, such as {repeated[0]!r}: ids must be unique")


def _diversify(rows: Iterable[Preference], config: SelectConfig) -> dict[str, Diverse]:
    """Every source by itself: what one source repeats of another is rare, and would couple their thresholds."""
    return {
        source: diversify(own, config.seed, config.tau, config.quotas.get(source))
        for source, own in _by_source(rows).items()
    }


def _by_source(rows: Iterable[Preference]) -> dict[str, list[Preference]]:
    """Rows by source, sources by name."""
    found: defaultdict[str, list[Preference]] = defaultdict(list)
    for row in rows:
        found[row.source].append(row)
    return dict(sorted(found.items()))


def _report(
    rows: Sequence[Preference],
    kept: Sequence[Preference],
    rejects: Sequence[Reject],
    diverse: Mapping[str, Diverse],
    config: SelectConfig,
    evals: Sequence[EvalPrompt],
) -> dict[str, Any]:
    """What happened, as JSON."""
    stayed, hit = _by_source(kept), [reject for reject in rejects if reject.reason.startswith("contaminated:")]
    return {
        "config": {**asdict(config), "quotas": dict(config.quotas), "eval_files": [f.name for f in config.eval_files]},
        "rows": len(rows),
        "kept": len(kept),
        "rejected": _counts(reject.reason for reject in rejects),
        "sources": {
            source: {
                "rows": len(own),
                "kept": len(stayed.get(source, ())),
                "rejected": _counts(reject.reason for reject in rejects if reject.source == source),
                "tau": diverse[source].tau if source in diverse else None,
                "self_bleu": {"before": _self_bleu(own), "after": _self_bleu(stayed.get(source, ()))},
            }
            for source, own in _by_source(rows).items()
        },
        "evals": {
            "prompts": _counts(prompt.id.rpartition("/")[0] for prompt in evals),
            "rows": _counts(reject.detail.rpartition("/")[0] for reject in hit),
        },
        "table_1": table_1(rows, {row.id for row in kept}, config.seed),
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, by name."""
    return dict(sorted(Counter(names).items()))


def _self_bleu(rows: Sequence[Preference]) -> float | None:
    """Mean self-BLEU of the prompts, each with all others as references; None without rows."""
    scores = leave_one_out(mark([tokens(prompt_of(row)) for row in rows]))
    return sum(scores) / len(scores) if scores else None
