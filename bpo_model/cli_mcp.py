"""`bpo mcp`: the command; the server is in bpo_integrations, which the core finds as an entry point."""

from typing import Annotated

import typer

from bpo_model.errors import MissingDependencyError


def mcp(
    model: Annotated[str | None, typer.Option(help="a folder from training.sft, THUDM/BPO or hf:owner/name")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="after so many ms the original is returned")] = 5000,
) -> None:
    """Serve optimize_prompt and check_rewrite to MCP clients over stdio (extra: mcp)."""
    from importlib.metadata import entry_points

    found = [*entry_points(group="bpo.commands", name="mcp")]
    if not found:  # a checkout that was installed before it had this command
        raise MissingDependencyError('this installation has no bpo mcp. Install it again: pip install "bpo-model[mcp]"')
    found[0].load()(model, deadline_ms)
