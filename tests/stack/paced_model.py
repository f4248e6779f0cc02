"""A model behind OpenAI's HTTP interface that follows a script, one turn at a time, each when it is let.

Turn by turn it calls every tool that it is offered, for one city after the other, and after the last city it answers.
Nobody records it: it stands outside, and its pace is the test's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INPUT_TOKENS = 11
OUTPUT_TOKENS = 5


class PacedModel(ThreadingHTTPServer):
    """Holds each request until ``let`` was called for its turn."""

    daemon_threads = True

    def __init__(self, cities: Sequence[str], answer: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cities = cities
        self.answer = answer
        self.changed = threading.Condition()
        self.asked = 0
        self._let = 0

    @property
    def url(self) -> str:
        """What ``OPENAI_BASE_URL`` is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def let(self) -> None:
        """Answer the next turn, once it is asked."""
        with self.changed:
            self._let += 1
            self.changed.notify_all()

    def wait_until_asked(self, turns: int, seconds: float = 60) -> None:
        """Wait until so many turns were asked: what came before is over, as far as the agent goes."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked >= turns, seconds), f"turn {turns} was never asked"

    def turn(self) -> int:
        """The number of this turn, from 0, once it is let."""
        with self.changed:
            number, self.asked = self.asked, self.asked + 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._let > number)
        return number


@contextmanager
def paced_model(cities: Sequence[str], answer: str) -> Iterator[PacedModel]:
    """The server while it runs."""
    server = PacedModel(cities, answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: PacedModel
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = self.server.turn()
        message: dict[str, Any] = {"role": "assistant", "content": self.server.answer}
        if number < len(self.server.cities):
            names = [tool["function"]["name"] for tool in asked["tools"]]
            message = {"role": "assistant", "content": None, "tool_calls": self._calls(number, names)}
        choice = {"index": 0, "message": message, "finish_reason": "stop" if message["content"] else "tool_calls"}
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
                 "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}  # fmt: skip
        answer = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": asked["model"],
                  "choices": [choice], "usage": usage}  # fmt: skip
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _calls(self, number: int, names: Sequence[str]) -> list[dict[str, Any]]:
        arguments = json.dumps({"city": self.server.cities[number]})
        return [
            {"id": f"call_{number}_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for name in sorted(names)
        ]
