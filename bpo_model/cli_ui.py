"""`bpo ui`: the command; the page and its server are in bpo_model/ui, which needs the extra `ui`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bpo_model.errors import MissingDependencyError


def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 7860,
    host: Annotated[
        str, typer.Option(help="another than loopback lets others in, and there is no password")
    ] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="open the page in a browser")] = True,
    feedback: Annotated[Path | None, typer.Option(help="store what you accept, edit and revert in this file")] = None,
    llm_url: Annotated[str | None, typer.Option(help="your LLM, such as http://localhost:11434/v1")] = None,
    llm_model: Annotated[str, typer.Option(help="its name on that server")] = "",
    llm_key_env: Annotated[str, typer.Option(help="environment variable with its key")] = "OPENAI_API_KEY",
    model: Annotated[str | None, typer.Option(help="a folder from training.sft, THUDM/BPO or hf:owner/name")] = None,
) -> None:
    """Rewrite prompts in a browser, on this machine and offline (extra: ui)."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f'bpo ui needs {" and ".join(missing)}, not installed. Install it with: pip install "bpo-model[ui]"'
        )
    from bpo_model.optimizer import PromptOptimizer
    from bpo_model.ui.answers import Llm
    from bpo_model.ui.app import Ui
    from bpo_model.ui.guard import is_private
    from bpo_model.ui.server import listen, serve

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(f"bpo ui: {text}", markup=False, highlight=False, soft_wrap=True)

    llm = Llm(llm_url, llm_model, llm_key_env) if llm_url else None
    with listen(host, port) as bound:
        page = Ui(PromptOptimizer.from_pretrained(model), feedback, llm)
        if not is_private(host):
            say(f"everyone who can reach {host} can use this page: there is no password")
        say(f"what you decide is stored in {feedback}" if feedback else "nothing is stored")
        serve(page, host, bound, open_browser=open_browser, say=say)
