"""The MCP server of ``mcp_server.py`` over streamable HTTP, at the port that it is given (0: any free one).

Prints its address and serves until SIGTERM. Knows of no tracing.
"""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn
from mcp_server import server


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(server.streamable_http_app(), log_config=None, timeout_graceful_shutdown=2)
        # What uvicorn was asked to stop by, it raises again at its end: that is to be an ordinary end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
