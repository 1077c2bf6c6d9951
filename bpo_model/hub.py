"""Checkpoints on the Hugging Face hub, and the ones that are known without a bpo.json."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpo_model.errors import ModelLoadError

logger = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<prefix>hf:)?(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,255}))?")

_WEIGHTS: dict[str, Any] = {
    "allow_patterns": ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"],
    "ignore_patterns": ["*/*", "consolidated*"],
}
"""Data only, never pickles or code; and no other formats of the same weights."""

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

_MEANINGS = {
    "LocalEntryNotFoundError": ": no connection to the hub",
    "ConnectError": ": no connection to the hub",
    "RepositoryNotFoundError": ": there is no such repository, or it is private: `hf auth login`",
    "GatedRepoError": ": its owner gives access on its page; then `hf auth login`",
    "RevisionNotFoundError": ": there is no such branch, tag or commit",
    "RemoteEntryNotFoundError": ": the repository has no such file",
    "EntryNotFoundError": ": the repository has no such file",
}


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
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    if try_to_load_from_cache(hub.repo, "bpo.json", revision=hub.revision) is None:
        logger.warning("looking for %s on the Hugging Face hub", hub.repo)
    try:
        file = hf_hub_download(hub.repo, "bpo.json", revision=hub.revision)
        data = json.loads(Path(file).read_text(encoding="utf-8"))
    except Exception as error:  # the hub client raises many unrelated types; all mean "not to be had"
        raise ModelLoadError(
            f"could not fetch bpo.json from {hub.repo} on the Hugging Face hub ({why(error)}). "
            f"Check the name and the connection. Known without one: {', '.join(KNOWN)}."
        ) from error
    if not isinstance(data, dict):
        raise ModelLoadError(f"bpo.json of {hub.repo} must hold an object, got {type(data).__name__}.")
    return data


def fetch_weights(repo: str, revision: str | None) -> Path:
    """The folder with a repository's weights in safetensors; says before how much is downloaded.

    Raises:
        ModelLoadError: If they cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        if not weights_are_here(repo, revision):
            files = snapshot_download(repo, revision=revision, dry_run=True, **_WEIGHTS)
            size = sum(file.file_size for file in files) / 1e9
            logger.warning("downloading %s (%.1f GB) from the Hugging Face hub", repo, size)
        return Path(snapshot_download(repo, revision=revision, **_WEIGHTS))
    except Exception as error:  # as above
        raise ModelLoadError(f"could not fetch {repo} from the Hugging Face hub ({why(error)}).") from error


def weights_are_here(repo: str, revision: str | None) -> bool:
    """Whether an earlier run fetched them all; asks no network."""
    from huggingface_hub import snapshot_download

    try:
        return bool(snapshot_download(repo, revision=revision, local_files_only=True, **_WEIGHTS))
    except (OSError, ValueError):  # the hub's errors for "not here" derive from one or the other
        return False


def why(error: BaseException) -> str:
    """The hub's error in words that say what to do; its name where there are none."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return f"{type(error).__name__}: HF_HUB_OFFLINE is set; unset it"
    return f"{type(error).__name__}{_MEANINGS.get(type(error).__name__, '')}"
