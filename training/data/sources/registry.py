"""The datasets that are known by name, and how one is loaded."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from training.data.sources import alpaca, arena, generic, hh, oasst
from training.data.sources.fields import Item, Row
from training.data.sources.read import download, find_files, read_rows
from training.data.types import Preference, Reject

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset."""

    name: str
    hub: str
    """Its id on the Hugging Face hub; empty if it is not there."""
    revision: str
    """The commit that is downloaded if none is named; empty if we know none: pin one then."""
    licence: str
    """SPDX identifiers; of generic rows, what they say themselves."""
    parse: Callable[[Iterable[Row]], Iterator[Item]]
    files: tuple[str, ...]
    """Patterns of its files, in a folder as on the hub: train splits only."""


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            oasst.NAME,
            "OpenAssistant/oasst1",
            "fdf72ae0827c1cda404aff25b6603abec9e3399b",
            oasst.LICENCE,
            oasst.parse,
            ("data/train-*.parquet",),
        ),
        Source(
            hh.NAME,
            "Anthropic/hh-rlhf",
            "09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa",
            hh.LICENCE,
            hh.parse,
            ("harmless-base/train.jsonl.gz", "helpful-*/train.jsonl.gz"),
        ),
        Source(
            arena.NAME, "lmsys/chatbot_arena_conversations", "", arena.LICENCE, arena.parse, ("data/train-*.parquet",)
        ),
        Source(alpaca.NAME, "", "", alpaca.LICENCE, alpaca.parse, ("comparison_data_v2.json", "alpaca_gpt4_data.json")),
        Source(generic.NAME, "", "", generic.UNKNOWN, generic.parse, ("*.jsonl", "*.jsonl.gz", "*.json", "*.parquet")),
    )
}


def load_source(
    name: str, path: str | Path | None = None, revision: str | None = None, name_as: str | None = None
) -> tuple[list[Preference], list[Reject]]:
    """Preferences and rejects of a dataset, each sorted by id; every row, or tree of OASST1, is in one of the two.

    Args:
        name: One of `SOURCES`; `generic` for a file of your own.
        path: A file, or a folder with the source's files. Without it the dataset is downloaded.
        revision: The commit to download instead of the source's own; only without a path.
        name_as: What to call the source in ids and reports.

    Raises:
        ValueError: If a name is not known or not usable, there is nothing at the path, a file is damaged or empty.
        BPOError: If the dataset cannot be downloaded.
    """
    if name_as is not None and not _NAME.fullmatch(name_as):
        raise ValueError(f"a source cannot be called {name_as!r}: use letters, digits, dot, hyphen and underscore")
    source = _source(name)
    items = list(source.parse(read_rows(source_files(name, path, revision))))
    if not items:
        raise ValueError(f"there are no rows of {name} in {path or source.hub}")
    kept, rejects = _unique([_call(item, source.name, name_as or source.name) for item in items])
    return kept, sorted(rejects, key=lambda reject: (reject.id, reject.reason, reject.detail))


def source_files(name: str, path: str | Path | None = None, revision: str | None = None) -> list[Path]:
    """The files that `load_source` reads with the same arguments; raises what it raises."""
    source = _source(name)
    if path is not None:
        if revision is not None:
            raise ValueError(f"give the path {path} or the revision {revision}, not both: a file has no revision")
        return find_files(Path(path), source.files)
    if not source.hub:
        raise ValueError(f"{name} is not on the hub: give the path of its files ({', '.join(source.files)})")
    commit = revision or source.revision
    if not commit:
        raise ValueError(f"pin a revision of {source.hub}, so that the data can be had again, or give a path")
    return find_files(download(source.hub, commit, source.files), source.files)


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ValueError(f"there is no source {name!r}; known are {', '.join(SOURCES)}")
    return SOURCES[name]


def _call(item: Item, name: str, name_as: str) -> Item:
    """The same under the user's name for the source."""
    return replace(item, id=f"{name_as}/{item.id.removeprefix(f'{name}/')}", source=name_as)


def _unique(items: list[Item]) -> tuple[list[Preference], list[Reject]]:
    """Of preferences with the same id the first by content, so that the order of the rows does not decide."""
    kept: dict[str, Preference] = {}
    rejects = [item for item in items if isinstance(item, Reject)]
    found = [item for item in items if isinstance(item, Preference)]
    for item in sorted(found, key=lambda one: (one.id, one.instruction, one.context, one.chosen, one.rejected)):
        if item.id in kept:
            detail = "the same row again" if item == kept[item.id] else "another row with the same id"
            rejects.append(Reject(item.id, item.source, "load", "duplicate_id", detail))
        else:
            kept[item.id] = item
    return list(kept.values()), rejects
