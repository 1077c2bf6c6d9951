"""What the machine gives: the engine's wheel, processor, load, memory."""

import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bpo_model.cores import CGROUP, default_threads, usable_cores
from bpo_model.doctor.finding import Finding, ok, problem, warning
from bpo_model.engines.llama_cpp import MAX_SLOTS

PROBE = "import xllamacpp; print(xllamacpp.get_system_info())"
MEMINFO = Path("/proc/meminfo")
BASE_MB, SLOT_MB = 50, 190
"""Memory of the process, and of each prompt that it decodes at a time (measured: 237, 426, 805 MB for 1, 2, 4)."""


def examine() -> Iterator[Finding]:
    """Engine, cores, memory."""
    yield engine_wheel()
    yield cores(usable_cores(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0)
    free = available_mb(MEMINFO, CGROUP)
    if free is not None:
        yield memory(free, _slots(usable_cores()))


def engine_wheel() -> Finding:
    """Import it in a process of its own: on a processor that it was not built for, it kills the process."""
    try:
        name = f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return problem("engine", "xllamacpp is not installed", "Install it: pip install xllamacpp")
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return problem("engine", f"{name} did not start within a minute", "Try again when the machine is less busy")
    if done.returncode:
        return _broken(name, done.returncode, done.stderr)
    features = re.findall(r"(\w+) = 1", done.stdout)
    found = f"{name} on {platform.machine()} with {', '.join(features)}"
    if platform.machine().lower() in {"x86_64", "amd64"} and "AVX2" not in features:
        return warning("engine", f"{found}, without AVX2", "Rewriting is slow here. Use a newer CPU or a server")
    return ok("engine", found)


def _broken(name: str, code: int, stderr: str) -> Finding:
    """The wheel is there and does not run."""
    if code < 0:
        why = f"{name} ended with {signal.Signals(-code).name}: its wheel does not fit this processor"
    else:
        why = f"{name} cannot be imported: {(stderr.strip().splitlines() or ['no reason given'])[-1]}"
    advice = "Install it again: pip install --force-reinstall --no-deps xllamacpp. Or use a server: --base-url"
    return problem("engine", why, advice)


def cores(usable: int, load: float) -> Finding:
    """Threads against cores and load."""
    threads = default_threads()
    found = (
        f"{usable} usable cores, {threads} {'thread' if threads == 1 else 'threads'} a prompt, "
        f"{_slots(usable)} prompts at a time; load {load:.1f}"
    )
    if load > 1.5 * usable:
        return warning("cores", found, "Others keep the machine busy: rewrites take longer, and deadlines pass")
    return ok("cores", found)


def _slots(usable: int) -> int:
    """As the engine counts them."""
    return max(1, min(usable // default_threads(), MAX_SLOTS))


def memory(free_mb: float, slots: int) -> Finding:
    """Free memory against need, with so many prompts at a time."""
    need = BASE_MB + SLOT_MB * slots
    found = f"{free_mb:,.0f} MB free, about {need} MB needed"
    if free_mb < BASE_MB + SLOT_MB:
        return problem("memory", found, "Free some, or use a server: --base-url")
    if free_mb < need:
        return warning("memory", found, "One prompt at a time needs less: engine=LlamaCpp(slots=1)")
    return ok("memory", found)


def available_mb(meminfo: Path, cgroup: Path) -> float | None:
    """What may still be used, by machine and container; None where neither says so."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    limits = [int(found[1]) / 1e3] if found else []
    limit, used = _first_line(cgroup / "memory.max"), _first_line(cgroup / "memory.current")
    if limit.isdigit() and used.isdigit():
        limits.append((int(limit) - int(used)) / 1e6)
    return min(limits, default=None)


def _first_line(file: Path) -> str:
    """Of a small file; "" if there is none."""
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return ""
