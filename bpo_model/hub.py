"""Checkpoints on the Hugging Face hub, and the ones that are known without a bpo.json."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model.errors import ModelLoadError

_NAME = re.compile(r"(?P<prefix>hf:)?(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,255}))?")

KNOWN: dict[str, dict[str, Any]] = {
    "THUDM/BPO": {
        "format": 1,
        "name": "THUDM/BPO",
        "weights": "safetensors",
        # The authors' training format: a wire format, byte for byte, one new line after the colon.
        "template": (
            "[INST] You are an expert prompt engineer. Please help me improve this prompt to get a more helpful "
            "and harmless response:\n{prompt} [/INST]"
        ),
        "context_tokens": 2048,
        "gate": {"languages": ["en"], "max_words": 500},
    }
}
"""What bpo.json would say, had the repository one."""


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository, and a branch, tag or commit."""

    repo: str
    revision: str | None


def parse_hub_name(name: str) -> HubName | None:
    """`hf:owner/name` or `hf:owner/name@revision`; the prefix may be left out for known repositories.

    None for anything else: a mistyped path such as runs/defualt must not be looked up on the internet.
    """
    match = _NAME.fullmatch(name)
    if not match or not (match["prefix"] or match["repo"] in KNOWN):
        return None
    return HubName(match["repo"], match["revision"])


def fetch_description(hub: HubName) -> dict[str, Any]:
    """The bpo.json of a repository.

    Raises:
        ModelLoadError: If the repository or its bpo.json cannot be had.
    """
    from huggingface_hub import hf_hub_download

    try:
        file = hf_hub_download(hub.repo, "bpo.json", revision=hub.revision)
        data = json.loads(Path(file).read_text(encoding="utf-8"))
    except Exception as error:  # the hub client raises many unrelated types; all mean "not to be had"
        raise ModelLoadError(
            f"could not fetch bpo.json from {hub.repo} on the Hugging Face hub ({type(error).__name__}). "
            f"Check the name and the connection. Known without one: {', '.join(KNOWN)}."
        ) from error
    if not isinstance(data, dict):
        raise ModelLoadError(f"bpo.json of {hub.repo} must hold an object, got {type(data).__name__}.")
    return data
