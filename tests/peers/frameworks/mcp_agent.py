"""A pydantic-ai agent whose tool is an MCP server, a process of its own. Knows of nothing else.

``MCP_URL`` names one over streamable HTTP that runs already; else the agent starts one over stdio.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset


def tools() -> MCPToolset:
    if url := os.environ.get("MCP_URL"):
        return MCPToolset(url, init_timeout=60)
    server = str(Path(__file__).with_name("mcp_server.py"))
    # Clients over stdio hand down a few variables only: the server is recorded where it gets all.
    return MCPToolset(StdioTransport(command=sys.executable, args=[server], env=dict(os.environ)), init_timeout=60)


async def main() -> None:
    Agent.instrument_all()
    agent = Agent("openai-chat:gpt-test", name="weather", instructions="Be brief.", toolsets=[tools()])
    done = await agent.run("What is the weather in Paris and in Atlantis?")
    print(done.output)


if __name__ == "__main__":
    asyncio.run(main())
