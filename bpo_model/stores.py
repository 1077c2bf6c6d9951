"""Which cache an optimizer uses."""

from functools import cache as remember

from bpo_model.cache import MEMORY, Cache, ModelCache, NoCache
from bpo_model.config import CacheKind
from bpo_model.disk_store import DiskStore


def model_cache(kind: CacheKind, model: str) -> Cache:
    """The cache of a model.

    Raises:
        ValueError: If there is no such kind.
    """
    if kind == "off":
        return NoCache()
    if kind == "memory":
        return ModelCache(MEMORY, model)
    if kind == "disk":
        return ModelCache(disk_store(), model)
    raise ValueError(f"cache must be 'memory', 'disk' or 'off', got {kind!r}")


@remember
def disk_store() -> DiskStore:
    """The process's connection to the file."""
    return DiskStore()
