"""An HTTP server with one tool. Knows of no tracing."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def population(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(request.query_params["city"]) * 100_000))


if __name__ == "__main__":
    app = Starlette(routes=[Route("/population", population)])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
