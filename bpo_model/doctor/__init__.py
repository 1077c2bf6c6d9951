"""Diagnose an installation: what is there, what would load, whether it works, and what to do where it does not.

Nothing is downloaded, and no value of an environment variable is shown: the findings may go into a bug report.
"""

from collections.abc import Iterator

from bpo_model.doctor import installation, machine, model, surroundings
from bpo_model.doctor.finding import Finding, State

__all__ = ["Finding", "State", "diagnose", "usable"]


def diagnose(name_or_path: str | None = None) -> Iterator[Finding]:
    """Findings in the order in which things go wrong, each as soon as it is known."""
    yield from installation.examine()
    yield from surroundings.examine()
    runs = True
    for finding in machine.examine():
        runs &= finding.state is not State.PROBLEM
        yield finding
    yield from model.examine(name_or_path, engine_runs=runs)


def usable(findings: list[Finding]) -> bool:
    """Whether prompts can be rewritten here: nothing is a problem, warnings do not count."""
    return all(finding.state is not State.PROBLEM for finding in findings)
