"""How the command talks: results on standard output, remarks on standard error."""

import json
import sys
from typing import Any

from rich.console import Console

from bpo_model.errors import BPOError
from bpo_model.schema import OptimizedPrompt


def prepare_streams() -> None:
    """No character stops the command: a terminal that cannot show one gets its escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """One line on standard error."""
    Console(stderr=True).print(f"bpo: {message}", markup=False, highlight=False, soft_wrap=True, style="red")


def write_text(text: str) -> None:
    """A line of a result, always in UTF-8; bytes that were not, when they came in, are the same bytes again.

    Raises:
        BPOError: If standard output is closed.
    """
    if sys.stdout is None:
        raise BPOError("standard output is closed, so the result has nowhere to go. Redirect it to a file or a pipe")
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, as JSON can hold it
        data = text.encode("utf-8", "replace")
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


def write_json(data: Any) -> None:
    """JSON for programs and reports."""
    write_text(json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode())


def print_result(result: OptimizedPrompt, *, as_json: bool, explain: bool) -> None:
    """Text only by default, for pipes; who reads it on a terminal is told why nothing changed."""
    from bpo_model.records import to_record
    from bpo_model.show import headline, show

    if as_json:
        write_json(to_record(result))
    elif explain:
        show(result, Console())
    else:
        write_text(result.text)
        if not result.changed and not result.detail and result.original.strip() and sys.stdout.isatty():
            complain(headline(result).plain)
