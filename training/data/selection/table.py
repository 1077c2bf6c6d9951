"""The paper's Table 1 for our own data: rows and distinct-4 of every source, before a step and after it.

The paper's tokeniser is not known, nor whether its distinct-4 is over a corpus or a mean. Of its four values
before filtering the mean weighted with the rows is 0.899 and not the 0.860 it gives as overall, so that it
must have counted over the corpus; both are in the table. Only differences within a column can be compared.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.data.selection.distinct import Distinct, item_weighted, measure
from training.data.selection.text import by_rank, prompt_of, tokens
from training.data.types import Preference

SAMPLE = 1000
"""At so many texts all groups are compared; at fewer, if the smallest that is not empty has fewer."""
OVERALL = "overall"
_HEAD = ("source", "before", "distinct-4", "at {n}", "after", "distinct-4", "at {n}", "paper: before", "after")


@dataclass(frozen=True, slots=True)
class Published:
    """A line of the paper's Table 1."""

    name: str
    sampled: int
    sampled_distinct_4: float
    kept: int
    kept_distinct_4: float


PAPER = {
    "oasst": Published("OASST1", 3000, 0.953, 2940, 0.963),
    "hh": Published("HH-RLHF", 2000, 0.957, 1961, 0.957),
    "arena": Published("Chatbot Arena", 5000, 0.804, 4494, 0.899),
    "alpaca": Published("Alpaca-GPT4", 5000, 0.938, 5000, 0.938),
    OVERALL: Published("overall", 15000, 0.860, 14395, 0.913),
}
"""Table 1 of arXiv 2311.04155: "sampled", and "after generating & filtering", by our names of the sources."""


def table_1(rows: Iterable[Preference], kept: Collection[str], seed: int) -> dict[str, Any]:
    """Compare rows with the part of them whose ids were kept, as JSON for stats.json.

    Any step can be looked at: selection (all rows and those selected), or construction (rows selected and
    those that became pairs, as in the paper).
    """
    groups = _groups(by_rank(rows, seed), frozenset(kept))
    sample = min([SAMPLE, *(len(texts) for pair in groups.values() for texts in pair if texts)])
    lines = {
        name: {"before": measure(before, sample), "after": measure(after, sample)}
        for name, (before, after) in groups.items()
    }
    sources = [line for name, line in lines.items() if name != OVERALL]
    return {
        "sample": sample,
        "rows": [_row(name, line) for name, line in lines.items()],
        "item_weighted_distinct_4": {
            step: item_weighted((line[step].texts, line[step].corpus[3]) for line in sources)
            for step in ("before", "after")
        },
    }


def to_markdown(table: Mapping[str, Any]) -> str:
    """The table for a data card."""
    head = [name.format(n=table["sample"]) for name in _HEAD]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *(_cells(row) for row in table["rows"])]
    weighted = table["item_weighted_distinct_4"]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + (
        f"\n\nDistinct-4 over words and punctuation in lower case; overall it counts over all sources as one corpus. "
        f"The mean of the sources weighted with their rows is {weighted['before']:.3f} before and "
        f"{weighted['after']:.3f} after. Paper: rows (distinct-4), its own sampling and tokeniser.\n"
    )


def _groups(rows: Sequence[Preference], kept: frozenset[str]) -> dict[str, tuple[list[list[str]], list[list[str]]]]:
    """(texts before, texts after) of every source by name, and last of all together."""
    groups: dict[str, tuple[list[list[str]], list[list[str]]]] = {
        name: ([], []) for name in [*sorted({row.source for row in rows}), OVERALL]
    }
    for row in rows:
        text = tokens(prompt_of(row))
        for name in (row.source, OVERALL):
            groups[name][0].append(text)
            if row.id in kept:
                groups[name][1].append(text)
    return groups


def _row(name: str, line: Mapping[str, Distinct]) -> dict[str, Any]:
    """A line as JSON; `paper` is None for a source that the paper does not have."""
    paper = PAPER.get(name)
    return {
        "source": name,
        **{step: _values(found) for step, found in line.items()},
        "paper": _published(paper) if paper else None,
    }


def _published(paper: Published) -> dict[str, Any]:
    """The paper's line as JSON."""
    return {
        "before": {"rows": paper.sampled, "distinct_4": paper.sampled_distinct_4},
        "after": {"rows": paper.kept, "distinct_4": paper.kept_distinct_4},
    }


def _values(found: Distinct) -> dict[str, Any]:
    """Rows, distinct-1 to -4, and the same at the sample's size."""
    return {
        "rows": found.texts,
        **{f"distinct_{n}": value for n, value in enumerate(found.corpus, start=1)},
        **{f"distinct_{n}_at_sample": value for n, value in enumerate(found.sample, start=1)},
    }


def _cells(row: Mapping[str, Any]) -> list[str]:
    """A row's text."""
    paper = row["paper"]
    return [
        row["source"],
        *(cell for step in ("before", "after") for cell in _step(row[step])),
        *(f"{paper[step]['rows']} ({paper[step]['distinct_4']:.3f})" if paper else "" for step in ("before", "after")),
    ]


def _step(values: Mapping[str, Any]) -> tuple[str, str, str]:
    """Rows, distinct-4, distinct-4 at the sample's size."""
    return str(values["rows"]), f"{values['distinct_4']:.3f}", f"{values['distinct_4_at_sample']:.3f}"
