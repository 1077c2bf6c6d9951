"""What `bpo prove` does, and what it shows on the terminal while it does it."""

import json
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from bpo_model.compare.budget import BudgetSpentError
from bpo_model.compare.expense import Line, total_usd
from bpo_model.compare.lock import LockedError
from bpo_model.compare.store import StoreError
from bpo_model.errors import BPOError
from bpo_model.files import write_text
from bpo_model.prove.decide import EXIT_CODES, decide, points
from bpo_model.prove.measure import measure
from bpo_model.prove.plan import to_text
from bpo_model.prove.report import to_html
from bpo_model.prove.result import to_result
from bpo_model.prove.run import Setup, run


def prove(setup: Setup, *, worth: float, yes: bool, dry_run: bool) -> int:
    """Run, write result.json and report.html, say the verdict; returns the exit code.

    Raises:
        BPOError: If the folder cannot be used, or the model fails for good.
        ValueError: If a key is missing.
    """
    console = Console(stderr=True)
    try:
        with _Screen(console, yes=yes, dry_run=dry_run) as screen:
            done = run(setup, screen)
    except BudgetSpentError as spent:
        _say(console, f"stopped: {spent}. Everything so far is kept; the same command with a higher --max-usd goes on.")
        return EXIT_CODES["incomplete"]
    except (StoreError, LockedError) as error:
        raise BPOError(str(error)) from error
    except KeyboardInterrupt:
        _say(console, "interrupted. Everything so far is kept; the same command goes on.")
        raise
    if done is None:
        return 0 if dry_run else EXIT_CODES["incomplete"]
    measured = measure(done.pairs)
    verdict = decide(done.pairs, measured, worth)
    file = setup.out / "result.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    result = to_result(setup, done, measured, verdict, worth, before)
    write_text(file, json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_text(setup.out / "report.html", to_html(result, done.pairs))
    _conclude(result, setup)
    return verdict.exit_code


def _conclude(result: dict[str, Any], setup: Setup) -> None:
    """The result on standard output; warnings first."""
    out = Console(file=sys.stdout)
    for warning in result["warnings"]:
        _say(out, f"warning: {warning}")
    _say(out, f"{result['verdict']}: {result['sentence']}")
    for name, effect in result["effects"].items():
        interval = f"{points(effect['low'])} to {points(effect['high'])}"
        _say(out, f"  {name + ':':36}{points(effect['dwr']):>7} points (95%: {interval}), n = {effect['n']:,}")
    _say(out, f"  {setup.out / 'report.html'}\n  {setup.out / 'result.json'}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Screen:
    """Progress on standard error, and the question before the first call."""

    def __init__(self, console: Console, *, yes: bool, dry_run: bool) -> None:
        self._console, self._yes, self._dry_run = console, yes, dry_run
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """A bar of its own."""
        task = self._progress.add_task(name, total=total)
        return lambda done: self._progress.update(task, completed=done)

    def agrees(self, lines: Sequence[Line], cases: int, changed: int) -> bool:
        """Say what it takes; ask where somebody can answer and something is known to be paid."""
        self._progress.stop()
        _say(self._console, to_text(lines, cases, changed))
        if self._dry_run:
            return False
        if total_usd(list(lines)) and not self._yes and self._console.is_terminal and sys.stdin.isatty():
            import typer

            if not typer.confirm("Go on?", err=True):
                return False
        self._progress = Progress(*self._progress.columns, console=self._console)
        self._progress.start()
        return True

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
