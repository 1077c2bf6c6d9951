"""DATA_CARD.md: what a reader must know before he trains on the pairs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bpo_model.base_file import file_sha256
from bpo_model.files import write_text
from training.data.artifacts import MANIFEST, artifact_names
from training.data.types import Pair, Reject

CARD = "DATA_CARD.md"
STAGES = ("load", "select", "construct")
MEANINGS = {
    "Apache-2.0": "Commercial use is allowed; keep the notice.",
    "MIT": "Commercial use is allowed; keep the notice.",
    "CC-BY-4.0": "Commercial use is allowed; name the authors.",
    "CC-BY-SA-4.0": "Commercial use is allowed; name the authors; what you make of it gets the same licence.",
    "CC-BY-NC-4.0": "No commercial use, neither of the rows nor, to be safe, of a model trained on them.",
    "CC-BY-4.0 AND CC-BY-NC-4.0": (
        "The prompts are CC-BY-4.0: commercial use is allowed, name the authors. The chosen and rejected answers are "
        "CC-BY-NC-4.0: no commercial use of pairs.parquet with these columns. train.jsonl holds no answers, but the "
        "teacher saw them."
    ),
    "NOASSERTION": "Nobody stated a licence: ask before you use these rows for anything but reading.",
}
"""What an SPDX expression allows, in short; this is no legal advice."""
_WARNING = """\
Prompts and answers come from real users and from models. Some are offensive, wrong, or ask for harm; nothing was
censored, since an optimizer has to learn what to make of such prompts. Rejected answers are often harmful on purpose.
Names and addresses that users typed may have survived the filters of the original datasets. Do not show rows to
people unprepared, and do not train a model to answer on `rejected`."""
_TEACHER = """\
Critiques and optimized prompts are output of the teacher: the terms of its provider, or the licence of its weights,
hold for them as well. Some providers forbid training models on their output that compete with theirs; read the terms
of the model named above before you train or publish."""


def write_card(
    folder: Path,
    pairs: Sequence[Pair],
    rejects: Sequence[Reject],
    *,
    settings: Mapping[str, object],
    decontamination: str,
    table: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Write the card of a data set whose other files are there already: it lists their hashes.

    Args:
        folder: Where the card goes.
        pairs: All pairs.
        rejects: All rejects of all stages.
        settings: Thresholds and everything else that decides what is kept.
        decontamination: What was removed against which test sets, in sentences.
        table: The paper's Table 1 for these data: for each row its name, and its values by column.
    """
    hashes = {name: file_sha256(folder / name) for name in artifact_names(folder) if name not in {CARD, MANIFEST}}
    text = render_card(pairs, rejects, hashes, settings=settings, decontamination=decontamination, table=table)
    write_text(folder / CARD, text)


def render_card(
    pairs: Sequence[Pair],
    rejects: Sequence[Reject],
    hashes: Mapping[str, str],
    *,
    settings: Mapping[str, object],
    decontamination: str,
    table: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """The card as Markdown; the same arguments give the same text."""
    sections = [
        f"# Pairs of prompt and optimized prompt\n\n{len(pairs)} pairs, built from preference data after BPO "
        "(arXiv 2311.04155): a teacher compares a chosen with a rejected answer and rewrites the prompt so that the "
        "better one becomes likely.",
        f"## Unsafe content\n\n{_WARNING}",
        f"## Counts\n\n{_sources(pairs, rejects)}",
        f"## Licences\n\n{_licences(pairs)}\n\nIn short, and no legal advice. A model trained on all rows is bound by "
        "the strictest of these; `--exclude_sources` of the training leaves sources out.",
        f"## How it was built\n\n{_built(pairs)}\n\n{_TEACHER}\n\n{_table(('setting', 'value'), settings.items())}",
        f"## Rejects\n\nNothing was left out without a reason.\n\n{_reasons(rejects)}",
        f"## Decontamination\n\n{decontamination.strip()}",
        f"## Figures of the paper's Table 1 for these data\n\n{_figures(table)}" if table else "",
        f"## Files\n\n{_table(('file', 'SHA-256'), sorted(hashes.items()))}\n\n`python -m training.data.verify` "
        f"compares the folder with {MANIFEST}.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _sources(pairs: Sequence[Pair], rejects: Sequence[Reject]) -> str:
    kept = Counter(pair.source for pair in pairs)
    lost = Counter((reject.source, reject.stage) for reject in rejects)
    names = sorted({*kept, *(source for source, _ in lost)})
    rows = [(name, kept[name], *(lost[name, stage] for stage in STAGES)) for name in names]
    total = ("all", len(pairs), *(sum(lost[name, stage] for name in names) for stage in STAGES))
    return _table(("source", "pairs", *(f"left out: {stage}" for stage in STAGES)), [*rows, total])


def _licences(pairs: Sequence[Pair]) -> str:
    counts, sources = Counter(pair.licence for pair in pairs), defaultdict[str, set[str]](set)
    for pair in pairs:
        sources[pair.licence].add(pair.source)
    rows = [
        (licence, counts[licence], ", ".join(sorted(sources[licence])), MEANINGS.get(licence, "Read the licence."))
        for licence in sorted(counts)
    ]
    return _table(("licence", "pairs", "sources", "what it means"), rows)


def _built(pairs: Sequence[Pair]) -> str:
    """Teachers and templates, as the rows name them."""
    rows = [("teacher", *item) for item in sorted(Counter(pair.teacher for pair in pairs).items())]
    rows += [("template", *item) for item in sorted(Counter(pair.template for pair in pairs).items())]
    return _table(("what", "name", "pairs"), rows)


def _reasons(rejects: Sequence[Reject]) -> str:
    counts = Counter((reject.stage, reject.source, reject.reason) for reject in rejects)
    return _table(("stage", "source", "reason", "rows"), [(*key, counts[key]) for key in sorted(counts)])


def _figures(table: Mapping[str, Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(column for values in table.values() for column in values))
    rows = [(name, *(values.get(column, "") for column in columns)) for name, values in table.items()]
    return _table(("dataset", *columns), rows)


def _table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [" | ".join(_cell(value) for value in row) for row in rows]
    if not lines:
        return "None."
    names = " | ".join(_cell(name) for name in head)
    return "\n".join([f"| {names} |", f"|{'---|' * len(head)}", *(f"| {line} |" for line in lines)])


def _cell(value: object) -> str:
    """One line without a column's border."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|")
