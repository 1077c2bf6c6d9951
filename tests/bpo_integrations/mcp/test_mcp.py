"""The MCP tools, asked by the SDK's own client: in the process, and over stdio with the embedded model."""

import asyncio
import json
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
COMMAND = [sys.executable, "-m", "bpo_model.cli"]
STDIO = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "mcp"])
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


def test_standard_output_is_the_protocol_only_and_the_server_ends_with_its_input() -> None:
    """Weights are loaded on the way; a line of theirs on standard output would end the session."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    asked: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "optimize_prompt", "arguments": {"prompt": ASK}}},
    ]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in asked)
    with subprocess.Popen([*COMMAND, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines)
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        rest, _ = process.communicate(timeout=30)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert "result" in answers[1]
    assert rest == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("sys.modules['mcp.server'] = None", "bpo mcp needs mcp. Install it with:"),
        ("metadata.entry_points = lambda **_: ()", "this installation has no bpo mcp. Install it again:"),
    ],
    ids=["no package", "an old installation"],
)
def test_where_something_is_missing_the_command_says_what_to_install(before: str, said: str) -> None:
    code = f"import sys; from importlib import metadata; {before}; sys.argv = ['bpo', 'mcp']"
    run = [sys.executable, "-c", f"{code}; import bpo_model.cli as command; command.main()"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == f'bpo: {said} pip install "bpo-model[mcp]"\n'
