"""The command `bpo`.

Exit codes: 0 done (an unchanged prompt is a result, not a failure), 1 it failed,
2 the command line is wrong, 3 some lines of --file failed, 130 interrupted.
"""

import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bpo_model import __version__
from bpo_model.cli_cache import cache_app
from bpo_model.cli_doctor import MODEL_HELP, doctor, info
from bpo_model.cli_input import Commands, Optimize, read_input
from bpo_model.cli_mcp import mcp
from bpo_model.cli_output import complain, prepare_streams, print_result
from bpo_model.cli_prove import prove
from bpo_model.cli_ui import ui
from bpo_model.config import MODES
from bpo_model.errors import BPOError, PromptError

app = typer.Typer(name="bpo", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


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


def _show_version(wanted: bool) -> None:
    """Answer --version, and end."""
    if wanted:
        typer.echo(f"bpo-model {__version__}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Rewrite prompts so that any LLM answers better; every rewrite is verified, or the original goes out."""


@app.command(cls=Optimize)
def optimize(
    prompt: Annotated[
        str | None, typer.Argument(help="the prompt, in quotes; - reads standard input", show_default=False)
    ] = None,
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
    source = read_input(prompt, messages, file, out)
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
        result = optimizer.optimize(source)
        print_result(result, as_json=as_json, explain=explain)
        if result.reason.value == "error":
            complain(result.detail)
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
        complain(f"first failure: {counts.first_failure}")
        raise typer.Exit(3)


app.command()(doctor)
app.command()(info)
app.command(short_help="Does rewriting help your model on your prompts?")(prove)
app.command(short_help="Rewrite prompts in a browser, offline.")(ui)
app.command(short_help="Serve the optimizer to MCP clients.")(mcp)
app.add_typer(cache_app, name="cache")


def main() -> None:
    """Run the command; an expected failure is one line with its remedy, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="bpo: %(message)s")
    # Its own retries are of no use to the reader, and what came of them is said in the end.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    prepare_streams()
    try:
        app(prog_name="bpo")  # also for python -m, so that completion is asked by one name
    except ImportError as error:
        _complain_import(error)
        sys.exit(1)
    except (BPOError, ValueError, OSError) as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)


def _complain_import(error: ImportError) -> None:
    """A missing extra names its remedy; a package that bpo-model always needs is another matter."""
    if isinstance(error, BPOError):
        complain(str(error))
    else:
        complain(f"{error}. The installation is not complete: pip install --force-reinstall bpo-model, or `bpo doctor`")


if __name__ == "__main__":
    main()
