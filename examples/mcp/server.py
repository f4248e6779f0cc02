"""An MCP tool server over stdio. Its own tool call becomes part of the caller's session."""

from __future__ import annotations

from mcp.server import MCPServer

import atlas_otel as atlas

atlas.configure("stock-server")
server = MCPServer("stock")
STOCK = {"apple": 7, "pear": 0}


@atlas.tool
def query(article: str) -> int:
    return STOCK[article]


@server.tool()
def in_stock(article: str) -> int:
    """How many of an article are in stock."""
    return query(article)


if __name__ == "__main__":
    server.run("stdio")
