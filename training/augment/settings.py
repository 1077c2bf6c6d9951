"""The settings of a build, from a TOML file.

data = "alpaca_data.json"         # relative to this file; see training/augment/examples.py for the forms
licence = "CC-BY-NC-4.0"          # of the data, for the card
sample = 1000                     # so many random rows; without it all
seed = 0                          # of the sample
control = true                    # ask the original prompts too, see training/augment/arms.py; default true
checkpoint = "runs/mine"          # the optimizer; without it the embedded one

[llm]                             # who answers, by the fields of training/data/teaching/config.py
base_url = "https://api.openai.com/v1"
model = "gpt-4.1-mini"
api_key_env = "OPENAI_API_KEY"
price_in = 0.40                   # USD for a million tokens
price_out = 1.60
max_usd = 50
max_tokens = 1024
params = {top_p = 1.0, seed = "omit"}   # more of the body; "omit" leaves out what a server refuses
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.settings import make_config, read_toml
from training.data.sources.generic import UNKNOWN
from training.data.teaching.config import TeacherConfig

OMIT = "omit"
"""TOML has no null."""
_KINDS: dict[str, type | tuple[type, ...]] = {
    "data": str, "licence": str, "sample": int, "seed": int, "control": bool, "checkpoint": str, "llm": dict
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """A whole build."""

    data: Path
    llm: TeacherConfig
    """Who answers; the class is that of the teacher of `training.data`, whose machinery asks."""
    licence: str = UNKNOWN
    """SPDX, of the data."""
    sample: int | None = None
    seed: int = 0
    control: bool = True
    """Whether the same LLM answers the original prompts too, where they were rewritten."""
    checkpoint: str | None = None
    """The optimizer; None is the embedded one."""

    def public(self) -> dict[str, Any]:
        """For the manifest: everything that decides the result; of files only their names."""
        named = {"data": self.data.name, "checkpoint": Path(self.checkpoint).name if self.checkpoint else None}
        own = {name: getattr(self, name) for name in ("licence", "sample", "seed", "control")}
        asked = {name: getattr(self.llm, name) for name in ("model", "temperature", "max_tokens")}
        return {**own, **named, "llm": {**asked, "params": dict(self.llm.params)}}


def load_settings(file: Path) -> AugmentConfig:
    """Read a file of settings; its paths are relative to it.

    Raises:
        ValueError: If something is missing, unknown or of the wrong kind, naming it.
    """
    found = read_toml(file)
    unknown = sorted(found.keys() - _KINDS)
    if unknown or "data" not in found or "llm" not in found:
        raise ValueError(f"{file.name} needs data and [llm]; unknown: {unknown or 'none'}; known: {', '.join(_KINDS)}")
    wrong = [name for name, value in found.items() if type(value) is not _KINDS[name]]
    if wrong or found.get("sample", 1) < 1:
        raise ValueError(f"{file.name}: {', '.join(wrong) or 'sample'} cannot be {found[(wrong or ['sample'])[0]]!r}")
    checkpoint = found.get("checkpoint")
    local = file.parent / checkpoint if checkpoint else None
    return AugmentConfig(**{
        **found,
        "data": file.parent / found["data"],
        "llm": _llm(found["llm"], f"[llm] of {file.name}"),
        "checkpoint": str(local) if local and local.exists() else checkpoint,
    })  # fmt: skip


def _llm(values: Mapping[str, Any], where: str) -> TeacherConfig:
    """Greedy unless told otherwise: answers that can be had again."""
    params = {name: None if value == OMIT else value for name, value in values.get("params", {}).items()}
    return make_config(TeacherConfig, {"temperature": 0.0, **values, "params": params}, where)
