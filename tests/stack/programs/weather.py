"""An MCP server over HTTP with one tool. Knows of no tracing."""

from __future__ import annotations

import sys

from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    if city == "Atlantis":
        raise ValueError(f"no such city: {city}")
    return f"sunny in {city}"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
