"""`bpo mcp`: the command; the server is in bpo_integrations, which the core finds as an entry point."""

from typing import Annotated

import typer


def mcp(
    model: Annotated[str | None, typer.Option(help="a folder from training.sft, THUDM/BPO or hf:owner/name")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="after so many ms the original is returned")] = 5000,
) -> None:
    """Serve optimize_prompt and check_rewrite to MCP clients over stdio (extra: mcp)."""
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="bpo.commands", name="mcp")
    entry.load()(model, deadline_ms)
