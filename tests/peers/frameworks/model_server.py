"""A model behind OpenAI's HTTP interface that follows a script: two tool calls, then an answer.

The first request of all is answered with 500, so that the client tries again; a task with the word "forbidden" in it is
refused with 400. Answers whole or streamed, as asked. Only the standard library is used.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It is sunny in Paris; nobody knows a place called Atlantis."
CITIES = ("Paris", "Atlantis")
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


class ScriptedModel(ThreadingHTTPServer):
    """Every request that came; and, since it is here, what came over OTLP."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.traces: list[bytes] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What ``OPENAI_BASE_URL`` is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def scripted_model() -> Iterator[ScriptedModel]:
    """The server while it runs."""
    server = ScriptedModel()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedModel
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
            self.server.traces += [data] if self.path == "/v1/traces" else []
            self._send(200, {})
            return
        body = json.loads(data)
        with self.server.lock:
            first = not self.server.requests
            self.server.requests.append((self.path, body, dict(self.headers)))
        if first:
            self._send(500, {"error": {"message": "try again", "type": "server_error"}}, {"retry-after-ms": "1"})
        elif "forbidden" in json.dumps(body):
            self._send(400, {"error": {"message": "not this", "type": "invalid_request_error"}})
        elif self.path == "/v1/chat/completions":
            self._chat(body)
        elif self.path == "/v1/responses":
            self._responses(body)
        else:
            self._send(404, {"error": {"message": self.path}})

    def _chat(self, body: dict[str, Any]) -> None:
        answered = any(message["role"] == "tool" for message in body["messages"])
        calls = [] if answered or not body.get("tools") else _calls(body["tools"][0]["function"]["name"])
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else ANSWER}
        if calls:
            message["tool_calls"] = calls
        finish = "tool_calls" if calls else "stop"
        head = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": finish}
            self._send(200, {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE})
            return
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if not calls else None}]
        deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(calls)]
        deltas += [{"content": word} for word in ANSWER.split(" ")] if not calls else []
        for place, delta in enumerate(deltas[2:] if not calls else (), start=2):
            deltas[place] = {"content": " " + delta["content"]}
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunks.append({"choices": [], "usage": USAGE})
        events = [{**head, "object": "chat.completion.chunk", **chunk} for chunk in chunks]
        self._stream("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n")

    def _responses(self, body: dict[str, Any]) -> None:
        given = body["input"] if isinstance(body["input"], list) else []
        answered = any(item.get("type") == "function_call_output" for item in given)
        output: list[dict[str, Any]]
        if answered or not body.get("tools"):
            text = {"type": "output_text", "text": ANSWER, "annotations": []}
            output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}]
        else:
            output = [
                {
                    "type": "function_call", "id": f"fc_{n}", "call_id": call["id"], "status": "completed",
                    **call["function"],
                }
                for n, call in enumerate(_calls(body["tools"][0]["name"]))
            ]  # fmt: skip
        usage = {
            "input_tokens": USAGE["prompt_tokens"], "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": USAGE["completion_tokens"], "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": USAGE["total_tokens"],
        }  # fmt: skip
        response = {
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": body["model"],
            "output": output, "usage": usage, "error": None, "incomplete_details": None, "instructions": None,
            "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto",
            "tools": body.get("tools", []), "top_p": 1.0,
        }  # fmt: skip
        if not body.get("stream"):
            self._send(200, response)
            return
        events = [
            {"type": "response.created", "sequence_number": 0, "response": {**response, "output": []}},
            *(
                {"type": "response.output_item.done", "sequence_number": 1 + n, "output_index": n, "item": item}
                for n, item in enumerate(output)
            ),
            {"type": "response.completed", "sequence_number": 9, "response": response},
        ]
        self._stream("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))

    def _stream(self, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _calls(tool: str) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{n}", "type": "function", "function": {"name": tool, "arguments": json.dumps({"city": city})}}
        for n, city in enumerate(CITIES)
    ]
