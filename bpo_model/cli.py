"""The command `bpo`.

Exit codes: 0 done (an unchanged prompt is a result, not a failure), 1 it failed,
2 the command line is wrong, 3 some lines of --file failed, 130 interrupted.
"""

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bpo_model.cli_cache import cache_app
from bpo_model.cli_mcp import mcp
from bpo_model.cli_prove import prove
from bpo_model.cli_ui import ui
from bpo_model.config import MODES
from bpo_model.errors import BPOError, PromptError
from bpo_model.schema import OptimizedPrompt, Prompt

app = typer.Typer(name="bpo", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


class Mode(StrEnum):
    """How to decode."""

    STABLE = "stable"
    AGGRESSIVE = "aggressive"


class When(StrEnum):
    """When to rewrite."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Engines(StrEnum):
    """What runs the weights in this process."""

    LLAMA_CPP = "llama_cpp"
    TRANSFORMERS = "transformers"


class Cached(StrEnum):
    """Where rewrites are remembered."""

    MEMORY = "memory"
    DISK = "disk"
    OFF = "off"


MODEL_HELP = "a folder from training.sft, THUDM/BPO or hf:owner/name; default: embedded"


app.add_typer(cache_app, name="cache")
app.command()(mcp)
app.command()(prove)
app.command()(ui)


@app.callback()
def _app() -> None:
    """Rewrite prompts so that any LLM answers better; every rewrite is verified, or the original goes out."""


@app.command()
def optimize(
    prompt: Annotated[str | None, typer.Argument(help="the prompt; - reads standard input", show_default=False)] = None,
    messages: Annotated[Path | None, typer.Option(help="JSON file with a list of chat messages")] = None,
    file: Annotated[Path | None, typer.Option(help="JSONL file of prompts; needs --out")] = None,
    out: Annotated[Path | None, typer.Option(help="where the records of --file go; a rerun resumes")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print everything about the result as JSON")] = False,
    explain: Annotated[bool, typer.Option(help="print diff, strategies and rejected candidates")] = False,
    mode: Annotated[Mode, typer.Option(help="stable: greedy; aggressive: samples, prefers a change")] = Mode.STABLE,
    iterations: Annotated[int, typer.Option(min=1, help="feed the result back this often")] = 1,
    candidates: Annotated[int | None, typer.Option(min=1, help="verified best of n", show_default=False)] = None,
    deadline_ms: Annotated[float | None, typer.Option(min=0.001, help="then the original goes out")] = None,
    rewrite: Annotated[When, typer.Option(help="auto: the gate decides")] = When.AUTO,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    engine: Annotated[
        Engines | None, typer.Option(help="default: llama_cpp for GGUF weights", show_default=False)
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="use a server, such as http://localhost:8000/v1")] = None,
    served_model: Annotated[str, typer.Option(help="the model's name on that server")] = "bpo",
    cache: Annotated[Cached, typer.Option(help="disk: remember rewrites between runs")] = Cached.MEMORY,
) -> None:
    """Rewrite one prompt, a conversation, or a file of prompts."""
    source = _read_input(prompt, messages, file, out)
    from bpo_model.engines.settings import LlamaCpp, OpenAICompatible, Transformers
    from bpo_model.optimizer import PromptOptimizer

    settings: Any = Transformers() if engine is Engines.TRANSFORMERS else None
    if engine is Engines.LLAMA_CPP or (engine is None and not model):
        settings = LlamaCpp(slots=None if file else 1)  # one prompt needs one slot
    if base_url:
        settings = OpenAICompatible(base_url=base_url, model=served_model)
    optimizer = PromptOptimizer.from_pretrained(
        model, engine=settings, cache=cache.value, mode=MODES[mode.value], iterations=iterations, candidates=candidates,
        deadline_ms=deadline_ms, rewrite=rewrite.value,
    )  # fmt: skip
    if file and out:
        _optimize_file(optimizer, file, out)
    elif source is not None:
        _print(optimizer.optimize(source), as_json=as_json, explain=explain)


def _read_input(prompt: str | None, messages: Path | None, file: Path | None, out: Path | None) -> Prompt | None:
    """The prompt of the command line, or None for --file; exactly one source must be given."""
    if sum(source is not None for source in (prompt, messages, file)) != 1:
        raise typer.BadParameter("give exactly one of: a prompt, - (standard input), --messages, --file")
    if (file is None) != (out is None):
        raise typer.BadParameter("--file and --out go together")
    if messages is not None:
        return _read_messages(messages)
    if prompt == "-":
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    return prompt


def _read_messages(path: Path) -> Prompt:
    """The messages of a JSON file."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PromptError(f"cannot read messages from {path}: {error}") from error
    if isinstance(found, dict):
        found = found.get("messages")
    if not isinstance(found, list):
        raise PromptError(f"{path} must hold a list of messages, or an object with `messages`")
    return found


def _print(result: OptimizedPrompt, *, as_json: bool, explain: bool) -> None:
    """Text only by default, for pipes; a failed model prints the original and exits with 1."""
    from bpo_model.records import to_record
    from bpo_model.show import show

    if as_json:
        print(json.dumps(to_record(result), ensure_ascii=False, indent=2).encode("utf-8", "replace").decode())  # noqa: T201
    elif explain:
        show(result, Console())
    else:
        sys.stdout.buffer.write(result.text.encode("utf-8", "surrogateescape") + b"\n")
    if result.reason.value == "error":
        _complain(result.detail)
        raise typer.Exit(1)


def _optimize_file(optimizer: Any, file: Path, out: Path) -> None:
    """Rewrite a file under a progress bar."""
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bpo_model.batch_file import rewrite_file

    if not file.is_file():
        raise PromptError(f"{file} does not exist or is not a file")
    with file.open("rb") as lines:
        total = sum(1 for _ in lines)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn(), TextColumn(str(out)))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("rewriting", total=total)
        counts = rewrite_file(
            file, out, optimizer.optimize_batch, lambda done: progress.update(task, completed=done),
            settings=f"{optimizer.checkpoint} {optimizer.options}",
        )  # fmt: skip
    Console(stderr=True).print(
        f"{counts.done} prompts, {counts.changed} changed, {counts.failed} failed, {counts.resumed} from an earlier run"
    )
    if counts.failed:
        raise typer.Exit(3)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="a folder from training.sft; default: embedded")] = None,
) -> None:
    """Check the installation: packages, model files and their hashes, one rewrite."""
    from bpo_model.doctor import diagnose

    console, failed = Console(), False
    for finding in diagnose(model):
        mark = "[green]ok  [/]" if finding.ok else "[red]fail[/]"
        console.print(f"{mark} {finding.topic}: ", end="")
        console.print(finding.text, markup=False, highlight=False, soft_wrap=True)
        failed |= not finding.ok
    if failed:
        raise typer.Exit(1)


@app.command()
def info(
    model: Annotated[str | None, typer.Option(help="a folder from training.sft; default: embedded")] = None,
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


def _complain(message: str) -> None:
    """One line on standard error."""
    Console(stderr=True).print(f"bpo: {message}", markup=False, highlight=False, soft_wrap=True, style="red")


def main() -> None:
    """Run the command; an expected failure is one line with its remedy, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="bpo: %(message)s")
    try:
        app()
    except (BPOError, ValueError, OSError) as error:
        _complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _complain("interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main()
