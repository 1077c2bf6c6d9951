"""The machine of a measurement in words; no names of hosts or users."""

import platform
import sys
from pathlib import Path

from bpo_model.cores import usable_cores


def machine() -> str:
    """Processor, cores that this process may use, system, Python."""
    return f"{_processor()}, {usable_cores()} cores, {sys.platform}, python {platform.python_version()}"


def _processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
