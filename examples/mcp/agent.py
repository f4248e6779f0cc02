"""An agent whose tool runs in another process, an MCP server over stdio. Both are one session.

    pip install 'atlas-otel[embedded,mcp]'
    ATLAS_OTEL_DATABASE_URL=embedded python examples/mcp/agent.py

MCP's SDK sends the trace context with each call; that is what joins the server's spans to the session.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import atlas_otel as atlas

atlas.configure("stock-agent")
# A stdio client hands its server only a few variables: pass all of them, or the server is not recorded.
SERVER = StdioServerParameters(
    command=sys.executable, args=[str(Path(__file__).with_name("server.py"))], env=dict(os.environ)
)


@atlas.session
async def answer(question: str) -> str:
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        with atlas.step("Look up the stock") as step:
            result = await client.call_tool("in_stock", {"article": "apple"})
            step.output = count = int(result.content[0].text)
    return f"There are {count} apples."


if __name__ == "__main__":
    print(asyncio.run(answer("How many apples are there?")))
    atlas.flush()
