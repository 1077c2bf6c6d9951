"""The settings of a build, from a TOML file.

[sources.hh]                      # the name that rows get; `source` if it is another one's kind
path = "harmless-base"            # a file or folder; without it the hub's, at a pinned revision
[sources.support]
source = "generic"                # any JSONL of prompt, chosen, rejected
path = "support.jsonl"
licence = "MIT"                   # of rows that name none

[select]
quotas = {hh = 2000}
eval_files = ["dolly_eval.json"]  # what the pairs must not contain

[teacher]
base_url = "https://api.openai.com/v1"
model = "gpt-5-mini"
api_key_env = "OPENAI_API_KEY"
price_in = 0.25                   # USD for a million tokens
price_out = 2.0
max_usd = 20
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from training.data.selection.select import SelectConfig
from training.data.sources.registry import SOURCES
from training.data.teaching.config import TeacherConfig

Config = TypeVar("Config", SelectConfig, TeacherConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """Where the rows of one name come from."""

    name: str
    source: str
    """One of `SOURCES`."""
    path: Path | None = None
    revision: str | None = None
    licence: str | None = None
    """Of rows that name none; only for rows of one's own."""


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """A whole build."""

    sources: tuple[SourceConfig, ...]
    select: SelectConfig
    teacher: TeacherConfig
    val_share: float = 0.05
    """Share of the pairs that becomes val.jsonl."""

    def public(self) -> dict[str, Any]:
        """For the manifest: everything that decides the result; of files only their names."""
        return {
            "sources": [
                {**asdict(source), "path": source.path.name if source.path else None} for source in self.sources
            ],
            "select": {
                **asdict(self.select), "quotas": dict(self.select.quotas),
                "eval_files": [file.name for file in self.select.eval_files],
            },
            "teacher": {**asdict(self.teacher), "params": dict(self.teacher.params)},
            "val_share": self.val_share,
        }  # fmt: skip


def load_settings(file: Path) -> BuildConfig:
    """Read a file of settings; its paths are relative to it.

    Raises:
        ValueError: If something is missing, unknown or of the wrong kind, naming it.
    """
    found = read_toml(file)
    unknown = sorted(found.keys() - {"sources", "select", "teacher", "val_share"})
    if unknown or not found.get("sources") or "teacher" not in found:
        raise ValueError(f"{file.name} needs [sources.NAME] and [teacher]; unknown: {unknown or 'none'}")
    return BuildConfig(
        tuple(_source(name, entry, file) for name, entry in found["sources"].items()),
        make_config(SelectConfig, _select(found.get("select", {}), file), f"[select] of {file.name}"),
        make_config(TeacherConfig, found["teacher"], f"[teacher] of {file.name}"),
        found.get("val_share", 0.05),
    )


def read_toml(file: Path) -> dict[str, Any]:
    """A file of settings as it stands, or a ValueError that names it."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the settings {file}: {error}") from None


def _source(name: str, entry: Mapping[str, Any], file: Path) -> SourceConfig:
    known = {field.name for field in fields(SourceConfig)} - {"name"}
    unknown, kind = sorted(entry.keys() - known), entry.get("source", name)
    if unknown or kind not in SOURCES:
        raise ValueError(
            f"[sources.{name}] of {file.name}: source must be one of {', '.join(SOURCES)}, got {kind!r}; "
            f"unknown keys: {unknown or 'none'}"
        )
    path = entry.get("path")
    return SourceConfig(**{**entry, "name": name, "source": kind, "path": file.parent / path if path else None})


def _select(entry: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """TOML knows neither tuples nor paths."""
    values = dict(entry)
    if "languages" in values:
        values["languages"] = tuple(values["languages"])
    values["eval_files"] = tuple(file.parent / name for name in values.get("eval_files", ()))
    return values


def make_config(kind: type[Config], values: Mapping[str, Any], where: str) -> Config:
    """The dataclass, with an error that names the place."""
    unknown = sorted(values.keys() - {field.name for field in fields(kind)})
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(f.name for f in fields(kind))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None
