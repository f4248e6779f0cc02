"""A scripted model behind the HTTP interfaces of several providers; what it was asked and what it answered is kept, and
so is what comes over OTLP. Only the standard library is used.

Offered a tool for the weather, it calls it twice at once; given the results it answers. Tokens are always the same.
"""

from __future__ import annotations

import gzip
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

TASK: Final = "What is the weather in Oslo and in Atlantis?"
SYSTEM: Final = "Be brief. Use the tool."
SAID: Final = "I will look both up."
ANSWER: Final = "It is 4 degrees in Oslo; nobody knows a place called Atlantis."
CITIES: Final = (("call_oslo", "Oslo"), ("call_atlantis", "Atlantis"))
TOKENS: Final = (150, 20, 100)
"""Of each answer: what went in, what came out, and what of the former came from a cache."""

Json = dict[str, Any]


def arguments(city: str) -> str:
    """Arguments as this model writes them: the keys not in the alphabet's order, the spaces uneven."""
    return f'{{"unit":"C", "city": "{city}"}}'


class ScriptedModel(ThreadingHTTPServer):
    """The server. Requests are answered one after the other."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Callable[[Json], Json]] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers or {}
        """By wire, what is answered instead of what the script has."""
        self.exchanges: list[Json] = []
        """Of each request that a model answered: ``path``, ``request``, ``response``."""
        self.otlp: list[tuple[str, bytes]] = []
        self.strange: list[str] = []
        """What it was asked and does not know."""
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def scripted_model(answers: Mapping[str, Callable[[Json], Json]] | None = None) -> Iterator[ScriptedModel]:
    """The server while it runs."""
    server = ScriptedModel(answers)
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

    def do_GET(self) -> None:
        self.server.strange.append(f"GET {self.path}")
        self._send(json.dumps({"object": "list", "data": [{"id": "gpt-test", "object": "model"}]}).encode())

    def do_POST(self) -> None:
        data = self._body()
        path = self.path.partition("?")[0]
        if path.endswith(("/v1/traces", "/v1/logs", "/v1/metrics")):
            self.server.otlp.append((path.rsplit("/", 1)[1], data))
            self._send(b"{}" if "json" in self.headers.get("content-type", "") else b"", "application/x-protobuf")
            return
        with self.server.lock:
            self._answer(path, data)

    def _answer(self, path: str, data: bytes) -> None:
        try:
            request = json.loads(data)
        except ValueError:
            request = {}
        wire = wire_of(path)
        if wire is None:
            self.server.strange.append(f"POST {path} {data[:300]!r}")
            self._send(b'{"error": {"message": "unknown"}}', status=404)
            return
        own = self.server.answers.get(wire)
        response = _WIRES[wire](request, path) if own is None else own(request)
        self.server.exchanges.append({"path": path, "request": request, "response": response})
        stream = request.get("stream") or "stream" in path.lower()
        if not stream:
            self._send(json.dumps(response).encode())
        elif wire == "bedrock":
            self._send(_bedrock_stream(response), "application/vnd.amazon.eventstream")
        else:
            self._send("".join(_STREAMS[wire](response)).encode(), "text/event-stream")

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            data = b"".join(pieces)
        else:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data

    def _send(self, data: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def wire_of(path: str) -> str | None:
    """Which provider's interface a path is of."""
    ends = {
        "/chat/completions": "chat", "/responses": "responses", "/v1/messages": "anthropic", "/messages": "anthropic",
        ":generateContent": "gemini", ":streamGenerateContent": "gemini", "/converse": "bedrock",
        "/converse-stream": "bedrock", "/api/chat": "ollama", "/v2/chat": "cohere",
    }  # fmt: skip
    return next((wire for end, wire in ends.items() if path.endswith(end)), None)


# --- what it says -----------------------------------------------------------------------------------------------------


_SHELLS: Final = {"exec_command": "cmd", "run_shell_command": "command", "bash": "command", "Bash": "command"}
"""Tools by which command-line agents run a command, and what they call it."""


def _tool(names: list[str], wanted: str) -> str | None:
    return next((name for name in names if wanted in name), None)


def _calls(names: list[str]) -> list[tuple[str, str, str]]:
    """The two calls, as (id, name, arguments): of a tool for the weather, else of one that runs commands."""
    if (weather := _tool(names, "weather")) is not None:
        return [(one, weather, arguments(city)) for one, city in CITIES]
    shell = next((name for name in names if name in _SHELLS), None)
    if shell is None:
        return []
    commands = ("echo 4 degrees", "echo no such city: Atlantis >&2; exit 1")
    return [
        (one, shell, json.dumps({_SHELLS[shell]: command, "description": "weather"}))
        for (one, _), command in zip(CITIES, commands, strict=True)
    ]


def _chat(request: Json, path: str) -> Json:
    offered = [one["function"]["name"] for one in request.get("tools") or () if "function" in one]
    answered = any(one["role"] in ("tool", "function", "assistant") for one in request["messages"])
    message: Json = {"role": "assistant", "content": _plain(request["messages"]) or ANSWER}
    final = _tool(offered, "final_answer")
    finish = "stop"
    if not answered:
        calls = _calls(offered)
    elif final and answered:
        calls = [("call_final", final, json.dumps({"answer": ANSWER}))]
    else:
        calls = []
    if calls:
        finish = "tool_calls"
        message["content"] = SAID if not answered else None
        message["tool_calls"] = [
            {"id": one, "type": "function", "function": {"name": name, "arguments": text}} for one, name, text in calls
        ]
    given, out, cached = TOKENS
    return {
        "id": f"chatcmpl-{2 if answered else 1}",
        "object": "chat.completion",
        "created": 1,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {
            "prompt_tokens": given, "completion_tokens": out, "total_tokens": given + out,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }  # fmt: skip


def _plain(messages: list[Json]) -> str | None:
    """The answer to a prompt that asks for fields of a text (DSPy), not for tools."""
    said = json.dumps(messages)
    if "[[ ## next_thought ## ]]" in said:
        done = said.count("[[ ## trajectory ## ]]") and said.rsplit("[[ ## trajectory ## ]]", 1)[1]
        city = next((city for n, (_, city) in enumerate(CITIES) if f"observation_{n}" not in str(done)), None)
        fields = {
            "next_thought": "I look it up." if city else "I know enough.",
            "next_tool_name": "get_weather" if city else "finish",
            "next_tool_args": arguments(city) if city else "{}",
        }
    elif "[[ ## answer ## ]]" in said:
        fields = {"reasoning": "Both were looked up.", "answer": ANSWER}
    else:
        return None
    return "".join(f"[[ ## {name} ## ]]\n{text}\n\n" for name, text in fields.items()) + "[[ ## completed ## ]]"


def _responses(request: Json, path: str) -> Json:
    items = request["input"] if isinstance(request["input"], list) else []
    answered = any(item.get("type") == "function_call_output" for item in items)
    calls = [] if answered else _calls([one.get("name") or "" for one in request.get("tools") or ()])
    output: list[Json] = [
        {
            "type": "function_call", "id": f"fc_{one}", "call_id": one, "name": name, "arguments": given,
            "status": "completed",
        }
        for one, name, given in calls
    ]  # fmt: skip
    if not calls:
        text = {"type": "output_text", "text": ANSWER, "annotations": []}
        output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}]
    given, out, cached = TOKENS
    return {
        "id": f"resp_{2 if answered else 1}", "object": "response", "created_at": 1, "status": "completed",
        "model": request.get("model"), "output": output, "error": None, "incomplete_details": None,
        "instructions": request.get("instructions"), "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0,
        "tool_choice": "auto", "tools": request.get("tools") or [], "top_p": 1.0,
        "usage": {
            "input_tokens": given, "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": out, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": given + out,
        },
    }  # fmt: skip


def _anthropic(request: Json, path: str) -> Json:
    answered = any(
        block.get("type") == "tool_result"
        for one in request["messages"] if isinstance(one["content"], list)
        for block in one["content"]
    )  # fmt: skip
    calls = [] if answered else _calls([one["name"] for one in request.get("tools") or ()])
    content: list[Json] = [{"type": "text", "text": SAID if calls else ANSWER}]
    content += [{"type": "tool_use", "id": one, "name": name, "input": json.loads(given)} for one, name, given in calls]
    given, out, cached = TOKENS
    return {
        "id": f"msg_{2 if answered else 1}", "type": "message", "role": "assistant", "model": request.get("model"),
        "content": content, "stop_reason": "tool_use" if len(content) > 1 else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": given - cached, "output_tokens": out, "cache_read_input_tokens": cached},
    }  # fmt: skip


def _gemini(request: Json, path: str) -> Json:
    answered = any("functionResponse" in part for one in request["contents"] for part in one["parts"])
    declared = [
        one["name"] for tool in request.get("tools") or () for one in tool.get("functionDeclarations") or ()
    ]  # fmt: skip
    calls = [] if answered else _calls(declared)
    parts: list[Json] = [{"text": SAID if calls else ANSWER}]
    parts += [{"functionCall": {"name": name, "args": json.loads(given)}} for _, name, given in calls]
    given, out, cached = TOKENS
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "modelVersion": path.rsplit("/", 1)[-1].partition(":")[0], "responseId": "gem_2" if answered else "gem_1",
        "usageMetadata": {
            "promptTokenCount": given, "candidatesTokenCount": out, "totalTokenCount": given + out,
            "cachedContentTokenCount": cached,
        },
    }  # fmt: skip


def _bedrock(request: Json, path: str) -> Json:
    answered = any("toolResult" in block for one in request["messages"] for block in one["content"])
    offered = [one["toolSpec"]["name"] for one in request.get("toolConfig", {}).get("tools", ()) if "toolSpec" in one]
    weather = _tool(offered, "weather")
    content: list[Json] = [{"text": ANSWER}]
    if weather and not answered:
        content = [{"text": SAID}]
        content += [
            {"toolUse": {"toolUseId": one, "name": weather, "input": json.loads(arguments(city))}}
            for one, city in CITIES
        ]
    given, out, cached = TOKENS
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if len(content) > 1 else "end_turn",
        "usage": {
            "inputTokens": given - cached, "outputTokens": out, "totalTokens": given + out,
            "cacheReadInputTokens": cached, "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": 1},
    }  # fmt: skip


def _ollama(request: Json, path: str) -> Json:
    answered = any(one["role"] == "tool" for one in request["messages"])
    weather = _tool([one["function"]["name"] for one in request.get("tools") or ()], "weather")
    message: Json = {"role": "assistant", "content": ANSWER}
    if weather and not answered:
        calls = [{"function": {"name": weather, "arguments": json.loads(arguments(city))}} for _, city in CITIES]
        message = {"role": "assistant", "content": SAID, "tool_calls": calls}
    given, out, _ = TOKENS
    return {
        "model": request.get("model"), "created_at": "2026-01-01T00:00:00Z", "message": message, "done": True,
        "done_reason": "stop", "prompt_eval_count": given, "eval_count": out, "total_duration": 1,
    }  # fmt: skip


def _cohere(request: Json, path: str) -> Json:
    answered = any(one["role"] == "tool" for one in request["messages"])
    weather = _tool([one["function"]["name"] for one in request.get("tools") or ()], "weather")
    message: Json = {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}
    if weather and not answered:
        calls = [
            {"id": one, "type": "function", "function": {"name": weather, "arguments": arguments(city)}}
            for one, city in CITIES
        ]
        message = {"role": "assistant", "tool_plan": SAID, "tool_calls": calls}
    given, out, _ = TOKENS
    counts = {"input_tokens": given, "output_tokens": out}
    return {
        "id": "co_2" if answered else "co_1", "finish_reason": "COMPLETE" if answered else "TOOL_CALL",
        "message": message, "usage": {"billed_units": counts, "tokens": counts},
    }  # fmt: skip


_WIRES: Final = {
    "chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini, "bedrock": _bedrock,
    "ollama": _ollama, "cohere": _cohere,
}  # fmt: skip


# --- in pieces --------------------------------------------------------------------------------------------------------


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _chat_stream(response: Json) -> Iterator[str]:
    head = {key: response[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    (choice,) = response["choices"]
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if choice["message"]["content"]:
        deltas += [{"content": piece} for piece in _halves(choice["message"]["content"])]
    for index, call in enumerate(choice["message"].get("tool_calls", ())):
        first, second = _halves(call["function"]["arguments"])
        deltas.append({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": first}}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": second}}]})
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    yield _event({**head, "choices": [], "usage": response["usage"]})
    yield "data: [DONE]\n\n"


def _event(value: Json, name: str | None = None) -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n"


def _responses_stream(response: Json) -> Iterator[str]:
    events: list[Json] = [{"type": "response.created", "response": {**response, "output": [], "status": "in_progress"}}]
    for index, item in enumerate(response["output"]):
        about = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "function_call":
            begun = {**item, "arguments": "", "status": "in_progress"}
            events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
            kind, text = "response.function_call_arguments", item["arguments"]
            events += [{"type": f"{kind}.delta", **about, "delta": piece} for piece in _halves(text)]
            events.append({"type": f"{kind}.done", **about, "name": item["name"], "arguments": text})
        else:
            begun = {**item, "content": [], "status": "in_progress"}
            events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
            about["content_index"] = 0
            part = item["content"][0]
            events.append({"type": "response.content_part.added", **about, "part": {**part, "text": ""}})
            deltas = _halves(part["text"])
            events += [{"type": "response.output_text.delta", **about, "delta": one, "logprobs": []} for one in deltas]
            events.append({"type": "response.output_text.done", **about, "text": part["text"], "logprobs": []})
            events.append({"type": "response.content_part.done", **about, "part": part})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": response})
    for number, event in enumerate(events):
        yield _event({**event, "sequence_number": number}, event["type"])


def _anthropic_stream(response: Json) -> Iterator[str]:
    begun = {**response, "content": [], "stop_reason": None, "usage": {**response["usage"], "output_tokens": 1}}
    yield _event({"type": "message_start", "message": begun}, "message_start")
    for index, block in enumerate(response["content"]):
        if block["type"] == "tool_use":
            start, key, delta, text = {**block, "input": {}}, "partial_json", "input_json_delta", dump(block["input"])
        else:
            start, key, delta, text = {"type": "text", "text": ""}, "text", "text_delta", block["text"]
        about = {"index": index}
        yield _event({"type": "content_block_start", **about, "content_block": start}, "content_block_start")
        for piece in _halves(text):
            said = {"type": "content_block_delta", **about, "delta": {"type": delta, key: piece}}
            yield _event(said, "content_block_delta")
        yield _event({"type": "content_block_stop", **about}, "content_block_stop")
    ended = {"stop_reason": response["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": response["usage"]["output_tokens"]}
    yield _event({"type": "message_delta", "delta": ended, "usage": usage}, "message_delta")
    yield _event({"type": "message_stop"}, "message_stop")


def dump(value: Any) -> str:
    """JSON as this model writes it."""
    return json.dumps(value)


def _gemini_stream(response: Json) -> Iterator[str]:
    (candidate,) = response["candidates"]
    parts = candidate["content"]["parts"]
    first, second = _halves(parts[0]["text"])
    for said in ([{"text": first}], [{"text": second}, *parts[1:]]):
        last = said[0]["text"] == second
        piece = {**candidate, "content": {"role": "model", "parts": said}}
        if not last:
            del piece["finishReason"]
        yield _event({**response, "candidates": [piece]})


def _ollama_stream(response: Json) -> Iterator[str]:
    yield json.dumps(response) + "\n"


_STREAMS: Final = {
    "chat": _chat_stream, "responses": _responses_stream, "anthropic": _anthropic_stream, "gemini": _gemini_stream,
    "ollama": _ollama_stream, "cohere": _ollama_stream,
}  # fmt: skip


def _bedrock_stream(response: Json) -> bytes:
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(response["output"]["message"]["content"]):
        if "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            deltas: list[Json] = [{"toolUse": {"input": piece}} for piece in _halves(dump(use["input"]))]
        else:
            deltas = [{"text": piece} for piece in _halves(block["text"])]
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    events.append(("messageStop", {"stopReason": response["stopReason"]}))
    events.append(("metadata", {"usage": response["usage"], "metrics": response["metrics"]}))
    return b"".join(_amazon_event(name, payload) for name, payload in events)


def _amazon_event(name: str, payload: Json) -> bytes:
    headers = b""
    for key, value in ((":event-type", name), (":content-type", "application/json"), (":message-type", "event")):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))
