"""`bpo doctor` and `bpo info`: what is here, and whether it works."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

MODEL_HELP = "a folder from training.sft, THUDM/BPO or hf:owner/name; default: embedded"
COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for a bug report")] = False,
) -> None:
    """Check the installation, and say what to do. Exit code 0 if prompts can be rewritten here, 1 if not."""
    from bpo_model.doctor import Finding, diagnose, usable

    console, findings = Console(), list[Finding]()
    for finding in diagnose(model):
        findings.append(finding)
        if not as_json:
            _show(finding.state.value, finding.topic, finding.found, finding.advice, console)
    if as_json:
        _write(usable(findings), [asdict(finding) for finding in findings])
    elif usable(findings):
        console.print("\nPrompts can be rewritten here.")
    else:
        console.print("\nPrompts cannot be rewritten here: see the problems above.")
    if not usable(findings):
        raise typer.Exit(1)


def _show(state: str, topic: str, found: str, advice: str, console: Console) -> None:
    """A finding, and under it what to do."""
    console.print(f"[{COLORS[state]}]{state:<7}[/]  {topic}: ", end="")
    console.print(_without_home(found), markup=False, highlight=False, soft_wrap=True)
    if advice:
        console.print(f"{'':9}-> {_without_home(advice)}", markup=False, highlight=False, soft_wrap=True)


def _write(works: bool, findings: list[dict[str, Any]]) -> None:
    """All findings as JSON."""
    from bpo_model import __version__
    from bpo_model.cli_output import write_text

    report = {"bpo_model": __version__, "usable": works, "findings": findings}
    write_text(_without_home(json.dumps(report, indent=2)))


def _without_home(text: str) -> str:
    """The home folder holds a name that need not stand in a bug report."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def info(
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
) -> None:
    """Show version, checkpoint, gate policy and the checks of the contract."""
    from bpo_model import __version__
    from bpo_model.checkpoint import load_checkpoint
    from bpo_model.contract import CHECKS

    checkpoint = load_checkpoint(model)
    base = checkpoint.base
    rows = {
        "bpo-model": __version__,
        "checkpoint": f"{checkpoint.name} ({checkpoint.folder or 'on the hub'})",
        "base": f"{base.file}, {base.size / 1e6:.0f} MB" if base else f"safetensors of {checkpoint.model}",
        "template": repr(checkpoint.template.text),
        "context": f"{checkpoint.context_tokens} tokens",
        "gate": str(checkpoint.policy),
        "length": str(checkpoint.length),
        "checks": ", ".join(["within_length", *CHECKS, "joins_context"]),
    }
    console = Console()
    for name, value in rows.items():
        console.print(f"[bold]{name}[/]: ", end="")
        console.print(value, markup=False, highlight=False, soft_wrap=True)
