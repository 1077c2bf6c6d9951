"""Diagnose an installation: what is there, what would load, whether it works, and what to do where it does not.

Nothing is downloaded, and no value of an environment variable is shown: the findings may go into a bug report.
"""

from collections.abc import Iterator

from bpo_model.doctor.finding import Finding, State
from bpo_model.doctor.installation import installation
from bpo_model.doctor.machine import machine
from bpo_model.doctor.model import model
from bpo_model.doctor.surroundings import surroundings

__all__ = ["Finding", "State", "diagnose", "usable"]


def diagnose(name_or_path: str | None = None) -> Iterator[Finding]:
    """Findings in the order in which things go wrong, each as soon as it is known."""
    yield from installation()
    yield from surroundings()
    runs = True
    for finding in machine():
        runs &= finding.state is not State.PROBLEM
        yield finding
    yield from model(name_or_path, engine_runs=runs)


def usable(findings: list[Finding]) -> bool:
    """Whether prompts can be rewritten here: nothing is a problem, warnings do not count."""
    return all(finding.state is not State.PROBLEM for finding in findings)
