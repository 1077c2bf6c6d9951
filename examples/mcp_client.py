"""Ask `bpo mcp` from a program, as an editor or an agent would: rewrite a prompt, check a rewrite.

    pip install "bpo-model[mcp]"
    python examples/mcp_client.py

For a client with a settings file, the entry is: {"mcpServers": {"bpo": {"command": "bpo", "args": ["mcp"]}}}
"""

import asyncio
import sys

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

SERVER = StdioServerParameters(command=sys.executable, args=["-m", "bpo_model.cli", "mcp"])
PROMPT = "best laptop under $800 for college"


async def main() -> None:
    async with Client(SERVER) as client:
        for tool in (await client.list_tools()).tools:
            print(f"{tool.name}: {tool.description}")
        done = (await client.call_tool("optimize_prompt", {"prompt": PROMPT})).structured_content
        print("asked:   ", PROMPT)
        print("sent:    ", done["text"], f"({done['reason']})")
        damaged = {"original": PROMPT, "rewrite": "What is the best laptop for college?"}
        print("checked: ", (await client.call_tool("check_rewrite", damaged)).structured_content)


asyncio.run(main())
