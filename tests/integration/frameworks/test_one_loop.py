"""The loop over the SDKs of OpenAI and Anthropic, decorated, against a local server: through the database and back it
is the same two model calls as by any instrumentation."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from atlas_otel.calls.model_call import ModelCall, Usage
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.training.recorded import read_session
from tests.support import one_loop
from tests.support.chat_server import serving

pytestmark = pytest.mark.timeout(600)  # the first run makes the environment
PROGRAM = Path(__file__).parents[2] / "peers" / "one_loop" / "agent.py"


def _openai_events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer as the chunks of a stream, texts and arguments in pieces."""
    about = {key: answer[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    (choice,) = answer["choices"]
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for key in ("reasoning_content", "content"):
        text = message.get(key) or ""
        deltas += [{key: text[:5]}, {key: text[5:]}]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        begun = {"index": index, **call, "function": {"name": call["function"]["name"], "arguments": arguments[:4]}}
        deltas += [{"tool_calls": [begun]}]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": arguments[4:]}}]}]
    for delta in deltas:
        yield {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**about, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    yield {**about, "choices": [], "usage": answer["usage"]}


def _anthropic_events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(answer["content"]):
        if block["type"] == "tool_use":
            start, key, delta = {**block, "input": {}}, "partial_json", "input_json_delta"
            text = json.dumps(block["input"])
        else:
            key = "thinking" if block["type"] == "thinking" else "text"
            start, delta, text = {"type": block["type"], key: ""}, f"{key}_delta", block[key]
            if key == "thinking":
                start["signature"] = ""
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for piece in (text[:5], text[5:]):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": delta, key: piece}}
        if "signature" in block:
            signed = {"type": "signature_delta", "signature": block["signature"]}
            yield {"type": "content_block_delta", "index": index, "delta": signed}
        yield {"type": "content_block_stop", "index": index}
    said = {"type": "message_delta", "delta": {"stop_reason": answer["stop_reason"], "stop_sequence": None}}
    yield {**said, "usage": {"output_tokens": answer["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


@contextmanager
def both_providers() -> Iterator[str]:
    """A server that speaks both wires; its address."""

    def handle(headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        request = json.loads(body)
        anthropic = "anthropic-version" in headers
        answer = (one_loop.anthropic_answer if anthropic else one_loop.openai_answer)(request)
        if not request.get("stream"):
            return 200, json.dumps(answer).encode(), "application/json"
        if anthropic:
            events = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in _anthropic_events(answer)]
        else:
            events = [f"data: {json.dumps(one)}\n\n" for one in _openai_events(answer)] + ["data: [DONE]\n\n"]
        return 200, "".join(events).encode(), "text/event-stream"

    with serving(handle) as url:
        yield url


@pytest.fixture
def run_loop(
    peer_python: Callable[[str], str], atlas_path: Path, database_url: str, tmp_path: Path
) -> Callable[..., list[ModelCall]]:
    def run(*arguments: str) -> list[ModelCall]:
        loop = {
            "system": one_loop.SYSTEM,
            "model": one_loop.MODEL,
            "openai_opening": one_loop.OPENAI_OPENING,
            "openai_tools": one_loop.OPENAI_TOOLS,
            "anthropic_opening": one_loop.ANTHROPIC_OPENING,
            "anthropic_tools": one_loop.ANTHROPIC_TOOLS,
        }
        with both_providers() as url:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "XDG_STATE_HOME": str(tmp_path),
                "PYTHONPATH": str(atlas_path),
                "ATLAS_OTEL_DATABASE_URL": database_url,
                "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
                "OPENAI_BASE_URL": f"{url}/v1",
                "OPENAI_API_KEY": "nobody",
                "ANTHROPIC_BASE_URL": url,
                "LOOP": json.dumps(loop),
            }
            command = [peer_python("one-loop"), str(PROGRAM), *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == one_loop.ANSWER
        with open_reader(database_url) as reader, reader.snapshot():
            (session,) = reader.sessions(Selection(review_statuses=None))
        # Anthropic's SDK has spans of its own: of the call that no decorator sees, nothing but the span is known.
        return [turn.call for turn in read_session(session).turns if turn.call.messages]

    return run


@pytest.mark.parametrize("stream", [(), ("stream",)])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_decorated_loop_is_the_same_two_model_calls(
    run_loop: Callable[..., list[ModelCall]], provider: str, stream: tuple[str, ...]
) -> None:
    first, second = run_loop(provider, *stream)
    assert one_loop.comparable(first) == one_loop.EXPECTED[0]
    assert one_loop.comparable(second) == one_loop.EXPECTED[1]
    assert first.whole
    assert second.whole
    for call in (first, second):
        assert call.usage is not None
        assert call.usage == Usage(150, 20, call.usage.total_tokens, 100)
        assert (call.provider, call.response_model) == (provider, one_loop.MODEL)
    assert second.response_id == ("chatcmpl-2" if provider == "openai" else "msg_2")
    assert [choice.finish_reason for choice in second.choices] == ["stop" if provider == "openai" else "end_turn"]
    if provider == "anthropic":
        failed = [one.tool_result.error for one in second.messages if one.tool_result is not None]
        assert failed == [False, True]
