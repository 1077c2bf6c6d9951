"""How many cores there are for us, and how many threads one prompt gets."""

import math
import os
from pathlib import Path

from bpo_model import after_fork

CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Cores that this process may use: those it is bound to, or fewer if its container has a quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(CGROUP)
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def cpu_quota(cgroup: Path) -> float | None:
    """Cores' worth of time that a container may use (`docker --cpus`, limits of Kubernetes); None without a limit."""
    try:
        share, _, period = (cgroup / "cpu.max").read_text(encoding="ascii").strip().partition(" ")
    except (OSError, ValueError):
        return None
    return int(share) / int(period) if share.isdigit() and period.isdigit() and int(period) else None


def default_threads() -> int:
    """Threads that decode one prompt: half of the cores, 1 to 4; 1 in a forked process.

    llama.cpp's threads wait for each other after every layer. With as many threads as
    cores, one other busy process stalls them all: on 2 cores beside two busy processes,
    2 threads wrote 0.2 prompts/s and 1 thread 2.0. After a fork its thread pool is gone.
    """
    return 1 if after_fork.forked else max(1, min(usable_cores() // 2, 4))
