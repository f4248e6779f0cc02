"""An MCP server over stdio with one tool. Knows of no tracing."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    if city != "Paris":
        raise ValueError(f"no such city: {city}")
    return "sunny"


if __name__ == "__main__":
    server.run("stdio")
