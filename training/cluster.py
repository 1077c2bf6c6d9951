"""A Ray cluster to run on: the one whose address is given, or this machine.

Install with `pip install --group scale`. Workers find this checkout by its path, so every machine needs it in
the same place, as it does the folder of results. Keys are read from the environment of each machine.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
LOCAL_CPUS = 6
"""Slots, not cores: with two, reading and two pools of actors wait for each other for ever."""


@contextmanager
def cluster(address: str | None = None) -> Iterator[Any]:
    """Connect, give the `ray` module, and let go again.

    Raises:
        ModuleNotFoundError: If Ray is not installed; says how to.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("more than one machine needs Ray: pip install --group scale") from error
    here: dict[str, Any] = {"address": address} if address else {"num_cpus": LOCAL_CPUS, "include_dashboard": False}
    ray.init(
        **here, log_to_driver=False, logging_level="error", runtime_env={"env_vars": {"PYTHONPATH": str(CHECKOUT)}}
    )
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False  # its bars count blocks; ours count rows
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield ray
    finally:
        ray.shutdown()
