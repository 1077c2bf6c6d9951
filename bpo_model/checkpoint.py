"""A model name -> weights, template, policy, and proof that the files are right.

A checkpoint is a folder (or a repository on the Hugging Face hub) with `bpo.json`, which
carries everything the weights were trained with: prompt template, languages, budget. Its
weights are a published GGUF base with a small adapter, or safetensors beside bpo.json.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bpo_model.base_file import BaseFile, check_file, find_base
from bpo_model.config import GatePolicy, LengthBudget
from bpo_model.errors import ModelLoadError
from bpo_model.hub import KNOWN, HubName, fetch_description, parse_hub_name
from bpo_model.prefill import Prefill
from bpo_model.template import Template

EMBEDDED = Path(__file__).parent / "weights"
"""The checkpoint that ships with the package."""
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything an optimizer needs to know about its weights."""

    name: str
    folder: Path | None
    """None for a repository on the hub."""
    base: BaseFile | None = None
    """The published GGUF file; None if the weights are safetensors."""
    adapter: Path | None = None
    adapter_size: int = 0
    adapter_sha256: str = ""
    model: str = ""
    """Folder or hub id of safetensors weights; empty for GGUF."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    template: Template
    prefill: Prefill | None = None
    """How replies start, if the weights were trained to go on from the user's own words."""
    context_tokens: int
    policy: GatePolicy
    length: LengthBudget

    @property
    def identity(self) -> str:
        """Equal for equal weights: hashes, or the safetensors' place and state."""
        if self.base:
            return f"{self.base.sha256} {self.adapter_sha256} {self.context_tokens}"
        files = sorted(Path(self.model).glob("*.safetensors")) if self.folder else []
        states = [f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files]
        return " ".join([self.model, self.revision or "", str(self.context_tokens), *states])

    def find_files(self) -> tuple[Path, Path | None]:
        """Checked paths of the GGUF base and its adapter.

        Raises:
            ModelLoadError: If one is missing or damaged, or the weights are not GGUF.
        """
        if self.base is None:
            raise ModelLoadError(
                f"{self.name} has safetensors weights, which llama.cpp does not read. "
                "Leave the engine out, or use engine=Transformers() or engine=OpenAICompatible(...)."
            )
        if self.adapter:
            check_file(self.adapter, self.adapter_size, self.adapter_sha256)
        return find_base(self.base), self.adapter


def load_checkpoint(name_or_path: str | Path | None = None) -> Checkpoint:
    """Read the `bpo.json` of a folder, of the embedded default, or of a repository on the hub.

    On the hub: `THUDM/BPO`, any other as `hf:owner/name`, both also with `@revision`.

    Raises:
        ModelLoadError: If there is no such checkpoint, or its bpo.json cannot be used.
    """
    folder = EMBEDDED if name_or_path in (None, "default") else Path(str(name_or_path))
    hub = parse_hub_name(str(name_or_path)) if name_or_path and not folder.exists() else None
    data, source = (_describe(hub), str(name_or_path)) if hub else _read(folder)
    try:
        return _parse(None if hub else folder, hub, data)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"{source} is not a usable bpo.json: {error!r}. Write it again with training.sft."
        ) from error


def _describe(hub: HubName) -> dict[str, Any]:
    """What stands in the repository's bpo.json; known repositories have none."""
    return KNOWN.get(hub.repo) or fetch_description(hub)


def _read(folder: Path) -> tuple[dict[str, Any], str]:
    """(content, path) of a folder's bpo.json."""
    file = folder / "bpo.json"
    if not file.is_file():
        known = ", ".join(KNOWN)
        raise ModelLoadError(
            f"no checkpoint at {str(folder)!r}: expected a folder with a bpo.json, as `python -m training.sft` "
            f"writes it, {known}, or hf:owner/name for another repository on the hub. "
            "Leave the name out for the embedded default. It is the model that rewrites, not the LLM that answers."
        )
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelLoadError(
            f"{file} is not a usable bpo.json: {error!r}. Write it again with training.sft."
        ) from error
    return data, str(file)


def _parse(folder: Path | None, hub: HubName | None, data: dict[str, Any]) -> Checkpoint:
    """The checkpoint that a bpo.json describes."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} is not {FORMAT}; upgrade bpo-model")
    policy = data.get("gate", {})
    if not isinstance(policy, dict):
        raise ValueError(f"gate must be an object, got {policy!r}")
    policy = dict(policy)
    if isinstance(policy.get("languages"), list):
        policy["languages"] = tuple(policy["languages"])
    return Checkpoint(
        name=str(data["name"]),
        folder=folder,
        **(_safetensors(folder, hub) if data.get("weights") == "safetensors" else _gguf(folder, data)),
        template=Template(data["template"]),
        prefill=Prefill(**data["prefill"]) if data.get("prefill") else None,
        context_tokens=int(data["context_tokens"]),
        policy=replace(GatePolicy(), **policy),
        length=replace(LengthBudget(), **data.get("length", {})),
    )


def _gguf(folder: Path | None, data: dict[str, Any]) -> dict[str, Any]:
    """The fields for a GGUF base with an adapter."""
    adapter = data.get("adapter") or {"file": "", "size": 0, "sha256": ""}
    if Path(adapter["file"]).name != adapter["file"] or adapter["file"] == "..":
        raise ValueError(f"the adapter must lie beside bpo.json, got {adapter['file']!r}")
    if folder is None and adapter["file"]:
        raise ValueError("an adapter on the hub must be downloaded first; pass its folder")
    return {
        "base": BaseFile(**data["base"]),
        "adapter": folder / adapter["file"] if folder and adapter["file"] else None,
        "adapter_size": int(adapter["size"]),
        "adapter_sha256": str(adapter["sha256"]),
    }


def _safetensors(folder: Path | None, hub: HubName | None) -> dict[str, Any]:
    """The fields for weights in safetensors."""
    return {"model": hub.repo if hub else str(folder), "revision": hub.revision if hub else None}
