"""What is installed: this package, other copies of it, what it needs, and the frameworks it works with."""

import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from bpo_model import __version__
from bpo_model.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NAME = "bpo-model"
REINSTALL = f"Install it again: pip install --force-reinstall {NAME}"


def examine() -> Iterator[Finding]:
    """Version, other copies, requirements, frameworks."""
    yield _python()
    try:
        found = distribution(NAME)
    except PackageNotFoundError:
        yield warning("bpo-model", f"{__version__} at {_here()}, not installed", "In a checkout: pip install -e .")
        return
    yield _version(found)
    yield from _other_copies(found)
    if importlib.util.find_spec("packaging") is None:  # comes with huggingface-hub
        yield problem("requirements", "packaging is not installed, so others may be missing too", REINSTALL)
        return
    yield from _requirements(found)
    yield from _frameworks(found)


def _python() -> Finding:
    """Which one runs; what pip installs is not seen by another."""
    return ok("python", f"{platform.python_version()} at {sys.executable}, {platform.platform()}")


def _version(found: Distribution) -> Finding:
    """What is imported against what is installed."""
    checkout = _is_checkout(found)
    if found.version != __version__:
        return warning(
            "bpo-model",
            f"{__version__} is imported from {_here()}, but {found.version} is installed",
            "In a checkout, install again: pip install -e . Otherwise leave the folder that holds another bpo_model.",
        )
    return ok("bpo-model", f"{__version__}, {'a source checkout' if checkout else 'installed'} at {_here()}")


def _is_checkout(found: Distribution) -> bool:
    """Whether pip installed it with -e (PEP 610)."""
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))


def _here() -> Path:
    """The folder of the package that runs."""
    return Path(__file__).parents[1]


def _other_copies(found: Distribution) -> Iterator[Finding]:
    """A second copy on the path, and a `bpo` that belongs to another Python."""
    others = sorted({copy.version for copy in distributions(name=NAME)} - {found.version})
    if others:
        advice = f"Remove all copies and install one: pip uninstall {NAME}, as often as it finds one"
        yield warning("other copies", f"{', '.join(others)} installed beside it", advice)
    command = shutil.which("bpo")
    if command and Path(command).absolute().parent != Path(sys.executable).absolute().parent:
        advice = "That one runs when you type bpo. Activate the other environment, or call: python -m bpo_model"
        yield warning("other copies", f"the bpo on your PATH is {command}, of another Python than this", advice)


def _requirements(found: Distribution) -> Iterator[Finding]:
    """What the package cannot do without."""
    needed = [item for item in _listed(found) if not item.marker]
    wrong = [text for item in needed if (text := _mismatch(item))]
    if wrong:
        yield problem("requirements", "; ".join(wrong), REINSTALL)
    else:
        yield ok("requirements", ", ".join(f"{item.name} {version(item.name)}" for item in needed))


def _frameworks(found: Distribution) -> Iterator[Finding]:
    """The installed ones of the extras, against the versions that the adapters are tested with."""
    fine = {}
    for item in _listed(found):
        extra = _extra(item)
        if not extra or not _installed(item.name):
            continue
        if wrong := _mismatch(item):
            yield warning("frameworks", wrong, f'If you use it with bpo: pip install "{NAME}[{extra}]"')
        else:
            fine[item.name] = version(item.name)
    listed = ", ".join(f"{name} {number}" for name, number in sorted(fine.items()))
    yield ok("frameworks", f"{listed}: supported" if listed else "none of the supported ones is installed")


def _listed(found: Distribution) -> "list[Requirement]":
    """The package's own list, so that there is no second one to keep."""
    from packaging.requirements import Requirement

    return [Requirement(line) for line in found.requires or []]


def _extra(item: "Requirement") -> str:
    """The extra that wants it; "" for none. The marker reads `extra == "name"`."""
    name, _, value = str(item.marker or "").partition(" == ")
    return value.strip("\"'") if name == "extra" else ""


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _mismatch(item: "Requirement") -> str:
    """What is wrong with the installed version; "" if nothing is."""
    if not _installed(item.name):
        return f"{item.name} is not installed"
    if not item.specifier.contains(version(item.name), prereleases=True):
        return f"{item.name} {version(item.name)} is installed, {item.specifier} is supported"
    return ""
