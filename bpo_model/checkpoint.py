"""A model name -> files on disk, template, policy, and proof that the files are right.

A checkpoint is a folder with `bpo.json`, which names its weights by size and sha256 and
carries everything the weights were trained with: prompt template, languages, budget.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bpo_model.base_file import BaseFile, check_file, find_base
from bpo_model.config import GatePolicy, LengthBudget
from bpo_model.errors import ModelLoadError
from bpo_model.template import Template

EMBEDDED = Path(__file__).parent / "weights"
"""The checkpoint that ships with the package."""
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything an optimizer needs to know about its weights."""

    name: str
    folder: Path
    base: BaseFile
    adapter: Path | None
    adapter_size: int
    adapter_sha256: str
    template: Template
    context_tokens: int
    policy: GatePolicy
    length: LengthBudget

    def find_files(self) -> tuple[Path, Path | None]:
        """Checked paths of base and adapter.

        Raises:
            ModelLoadError: If one is missing or damaged.
        """
        if self.adapter:
            check_file(self.adapter, self.adapter_size, self.adapter_sha256)
        return find_base(self.base), self.adapter


def load_checkpoint(name_or_path: str | Path | None = None) -> Checkpoint:
    """Read the `bpo.json` of a folder, or of the embedded default for None.

    Raises:
        ModelLoadError: If there is no such folder, or its bpo.json cannot be used.
    """
    folder = EMBEDDED if name_or_path in (None, "default") else Path(str(name_or_path))
    file = folder / "bpo.json"
    if not file.is_file():
        raise ModelLoadError(
            f"no checkpoint at {str(folder)!r}: expected a folder with a bpo.json, "
            "as `python -m training.sft` writes it. Leave the name out for the embedded default."
        )
    try:
        return _parse(folder, json.loads(file.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"{file} is not a usable bpo.json: {error!r}. Write it again with training.sft."
        ) from error


def _parse(folder: Path, data: dict[str, Any]) -> Checkpoint:
    """The checkpoint that a bpo.json describes."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} is not {FORMAT}; upgrade bpo-model")
    adapter = data.get("adapter") or {"file": "", "size": 0, "sha256": ""}
    if Path(adapter["file"]).name != adapter["file"] or adapter["file"] == "..":
        raise ValueError(f"the adapter must lie beside bpo.json, got {adapter['file']!r}")
    policy = data.get("gate", {})
    if not isinstance(policy, dict):
        raise ValueError(f"gate must be an object, got {policy!r}")
    policy = dict(policy)
    if isinstance(policy.get("languages"), list):
        policy["languages"] = tuple(policy["languages"])
    return Checkpoint(
        name=str(data["name"]),
        folder=folder,
        base=BaseFile(**data["base"]),
        adapter=folder / adapter["file"] if adapter["file"] else None,
        adapter_size=int(adapter["size"]),
        adapter_sha256=str(adapter["sha256"]),
        template=Template(data["template"]),
        context_tokens=int(data["context_tokens"]),
        policy=replace(GatePolicy(), **policy),
        length=replace(LengthBudget(), **data.get("length", {})),
    )
