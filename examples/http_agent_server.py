"""An agent behind HTTP, in a process of its own: its spans join the session that calls it.

python examples/http_agent_server.py 8808
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry import context, propagate

import atlas_otel as atlas

CAPITALS = {"france": "Paris", "japan": "Tokyo", "kenya": "Nairobi", "peru": "Lima"}


@atlas.tool
def look_up(country: str) -> str:
    return CAPITALS[country]


@atlas.agent(name="geographer")
def answer(prompt: str) -> str:
    found = [f"{country.title()}: {look_up(country)}" for country in CAPITALS if country in prompt.lower()]
    return "; ".join(found) or "I know no country in that."


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        token = context.attach(propagate.extract(dict(self.headers)))  # the caller's trace and session
        try:
            body = json.dumps({"result": {"text": answer(request["prompt"])}}).encode()
        finally:
            context.detach(token)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def main() -> None:
    telemetry = atlas.configure("geographer")  # the database: ATLAS_OTEL_DATABASE_URL
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        telemetry.shutdown(10)


if __name__ == "__main__":
    main()
