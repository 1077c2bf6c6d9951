"""The MCP tools, asked by the SDK's own client: in the process, and over stdio with the embedded model."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from bpo_integrations.mcp import server
from bpo_model.testing import FakeOptimizer

ASK = "tell me about tea"
STDIO = StdioServerParameters(command=sys.executable, args=["-m", "bpo_model.cli", "mcp"])
EXAMPLES = Path(__file__).parents[3] / "examples"


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """The structured result of a tool."""
    result: Any = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def test_a_prompt_is_rewritten_and_described() -> None:
    async with Client(server(FakeOptimizer())) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"optimize_prompt", "check_rewrite"}
        assert await call(client, "optimize_prompt", prompt=ASK) == {
            "text": f"{ASK} Please explain your answer.",
            "changed": True,
            "reason": "rewritten",
            "detail": "",
            "rejected": [],
        }


async def test_a_rejected_rewrite_gives_the_prompt_and_what_was_wrong() -> None:
    async with Client(server(FakeOptimizer(lambda text: "Name a laptop."))) as client:
        result = await call(client, "optimize_prompt", prompt="best laptop under $800")
    assert (result["text"], result["changed"]) == ("best laptop under $800", False)
    assert "numbers_kept" in {failed["check"] for failed in result["rejected"]}


async def test_a_failing_optimizer_gives_the_prompt_and_the_reason() -> None:
    def fail(text: str) -> str:
        raise RuntimeError("the model broke")

    async with Client(server(FakeOptimizer(fail))) as client:
        result = await call(client, "optimize_prompt", prompt=ASK)
    assert (result["text"], result["reason"]) == (ASK, "error")


async def test_many_calls_at_once_get_their_own_results() -> None:
    async with Client(server(FakeOptimizer())) as client:
        asks = [f"tell me about tea number {number}" for number in range(64)]
        results = await asyncio.gather(*(call(client, "optimize_prompt", prompt=ask) for ask in asks))
    assert [result["text"] for result in results] == [f"{ask} Please explain your answer." for ask in asks]


@pytest.mark.parametrize(
    ("original", "rewrite", "failed"),
    [
        ("best laptop under $800", "What is the best laptop under $800?", set()),
        ("best laptop under $800", "What is the best laptop?", {"numbers_kept"}),
        ("Fix this:\n\nteh cat", "Fix the spelling of this:\n\nthe cat", {"context_kept"}),
        (ASK, ASK, set()),
    ],
)
async def test_a_rewrite_is_checked(original: str, rewrite: str, failed: set[str]) -> None:
    async with Client(server(FakeOptimizer())) as client:
        result = await call(client, "check_rewrite", original=original, rewrite=rewrite)
    assert {item["check"] for item in result["violations"]} >= failed
    assert result["ok"] == (not failed)


async def test_wrong_arguments_are_an_error_of_the_call_only() -> None:
    async with Client(server(FakeOptimizer())) as client:
        assert (await client.call_tool("optimize_prompt", {"text": ASK})).is_error
        assert (await call(client, "optimize_prompt", prompt=ASK))["changed"]


async def test_the_command_serves_the_embedded_model_over_stdio() -> None:
    async with Client(STDIO) as client:
        result = await call(client, "optimize_prompt", prompt="best laptop under $800 for college")
        assert "$800" in result["text"]
        assert result["reason"] in {"rewritten", "unchanged", "rejected"}
        assert (await call(client, "check_rewrite", original=ASK, rewrite="Tea is a drink."))["ok"] is False


def test_the_example_runs() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "mcp_client.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "optimize_prompt" in done.stdout
    assert "numbers_kept" in done.stdout
