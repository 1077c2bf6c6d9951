"""What a user types: one prompt from one place, and what most often is meant where it is not."""

import json
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from bpo_model.cli_output import complain
from bpo_model.errors import PromptError
from bpo_model.schema import Prompt


class Commands(TyperGroup):
    """The commands of `bpo`; a prompt where a command should be gets an answer."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name."""
        if " " in args[0]:
            ctx.fail(f"{_brief(args[0])} is no command. To rewrite it: bpo optimize {_brief(args[0])}")
        return super().resolve_command(ctx, args)


class Optimize(TyperCommand):
    """`bpo optimize`; a prompt without quotes, or one that begins with a dash, gets an answer."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options and arguments."""
        before = args[: args.index("--")] if "--" in args else args
        for text in before:
            if text.startswith("-") and " " in text and "=" not in text.split(" ")[0]:
                ctx.fail(f"a prompt that begins with a dash goes behind --: bpo optimize -- {_brief(text)}")
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            words = [ctx.params["prompt"], *ctx.args]
            ctx.fail(f"a prompt is one argument, got {len(words)}. In quotes: bpo optimize {_brief(' '.join(words))}")
        return rest


def _brief(text: str) -> str:
    """The beginning, in quotes."""
    return f'"{text[:40]}{"..." if len(text) > 40 else ""}"'


def read_input(prompt: str | None, messages: Path | None, file: Path | None, out: Path | None) -> Prompt | None:
    """The prompt of the command line, or None for --file; exactly one source must be given."""
    if sum(source is not None for source in (prompt, messages, file)) != 1:
        raise typer.BadParameter("give exactly one of: a prompt, - (standard input), --messages, --file")
    if (file is None) != (out is None):
        raise typer.BadParameter("--file and --out go together")
    if messages is not None:
        return _read_messages(messages)
    if prompt is None:
        return None
    return _checked(_read_stdin() if prompt == "-" else prompt, typed=prompt != "-")


def _read_stdin() -> str:
    """All of standard input; bytes that are not UTF-8 come out again as they are."""
    if sys.stdin is None:
        raise PromptError("standard input is closed, so there is nothing to read for -. Give the prompt as an argument")
    if sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
        complain(f"reading the prompt from the terminal; end it with {end} on a line of its own")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def _checked(prompt: str, *, typed: bool) -> str:
    """The prompt; a remark if it is probably not what was meant."""
    if not prompt.strip():
        complain("the prompt is blank, and goes out as it is")
    elif typed and len(prompt) < 256 and Path(prompt).is_file():
        complain(f"{prompt!r} is taken as the prompt itself. To read that file: bpo optimize - < {prompt}")
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
        raise PromptError(
            f'{path} must hold a list of messages such as [{{"role": "user", "content": "..."}}], '
            "or an object with `messages`"
        )
    return found
