"""A server that speaks OpenAI's chat completions over real HTTP, without a key, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], Any]


class ChatServer:
    """Keeps every request. ``answer`` makes a message's text, a structured answer (dict), or an HTTP status (int)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def respond(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        said = self.answer(request)
        if isinstance(said, int):
            return said, {"error": {"message": "as the test wants it", "type": "test", "code": said}}
        message: dict[str, Any] = {"role": "assistant", "content": said if isinstance(said, str) else None}
        finish = "stop"
        if isinstance(said, dict):  # a structured answer: by the tool that the client asks to call
            name = request["tools"][0]["function"]["name"]
            call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(said)}}
            message["tool_calls"], finish = [call], "tool_calls"
        return 200, {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }


@contextmanager
def serving(handle: Callable[[dict[str, str], bytes], tuple[int, bytes, str]]):
    """An HTTP server on a free port; gives its URL. ``handle(headers, body)`` answers (status, body, content type)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, answer, kind = handle({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def chat_server(answer: Answer):
    """A :class:`ChatServer` that runs."""
    chat = ChatServer(answer)

    def handle(headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        request = json.loads(body)
        chat.requests.append(request)
        chat.headers.append(headers)
        status, answered = chat.respond(request)
        return status, json.dumps(answered).encode(), "application/json"

    with serving(handle) as url:
        chat.url = f"{url}/v1"
        yield chat
