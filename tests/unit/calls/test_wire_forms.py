"""Each wire form by what it says: one answer that calls a tool, one history, one stream, whoever wrote them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import (
    Media,
    Message,
    Reasoning,
    Refusal,
    Text,
    Tokens,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from atlas_otel.calls.request import read_request
from atlas_otel.calls.streams import join_stream
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import read_usage

Json = dict[str, Any]
SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENAI_CALL: Final = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"city":"Oslo"}'}}
CALL: Final = ToolCall("c1", "w", '{"city":"Oslo"}')
SAID: Final = Text("Looking.")
THOUGHT: Final = Reasoning("Hm.")

ANSWERS: Final[dict[str, tuple[Json, tuple[Any, ...], str | None]]] = {
    "chat completions": (
        {"choices": [{"index": 0, "finish_reason": "tool_calls",
                      "message": {"role": "assistant", "content": "Looking.", "tool_calls": [OPENAI_CALL]}}]},
        (SAID, CALL), "tool_calls"),
    "reasoning_content": (
        {"choices": [{"message": {"role": "assistant", "reasoning_content": "Hm.", "content": "Looking.",
                                  "tool_calls": [OPENAI_CALL]}}]},
        (THOUGHT, SAID, CALL), None),
    "a refusal": (
        {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "No."}, "finish_reason": "stop"}]},
        (Refusal("No."),), "stop"),
    "responses": (
        {"object": "response", "status": "completed", "output": [
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
            {"type": "function_call", "id": "fc", "call_id": "c1", "name": "w", "arguments": '{"city":"Oslo"}'}]},
        (Reasoning("Hm.", id="r"), SAID, CALL), "completed"),
    "anthropic": (
        {"type": "message", "role": "assistant", "stop_reason": "tool_use", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "c1", "name": "w", "input": {"city": "Oslo"}}]},
        (Reasoning("Hm.", "s"), SAID, CALL), "tool_use"),
    "gemini": (
        {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "Hm.", "thought": True}, {"text": "Looking."},
            {"functionCall": {"id": "c1", "name": "w", "args": {"city": "Oslo"}}}]}}]},
        (THOUGHT, SAID, CALL), "STOP"),
    "gemini, as its SDK dumps it": (
        {"candidates": [{"finish_reason": "STOP", "content": {"role": "model", "parts": [
            {"text": "Looking.", "function_call": None, "thought": None},
            {"text": None, "function_call": {"id": "c1", "name": "w", "args": {"city": "Oslo"}}}]}}]},
        (SAID, CALL), "STOP"),
    "bedrock": (
        {"stopReason": "tool_use", "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}, {"text": "Looking."},
            {"toolUse": {"toolUseId": "c1", "name": "w", "input": {"city": "Oslo"}}}]}}},
        (Reasoning("Hm.", "s"), SAID, CALL), "tool_use"),
    "langchain": (
        {"type": "ai", "content": "Looking.", "response_metadata": {"finish_reason": "tool_calls"},
         "tool_calls": [{"name": "w", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}]},
        (SAID, CALL), "tool_calls"),
    "langchain, serialised, with the raw call beside the parsed one": (
        {"generations": [[{"text": "Looking.", "message": {
            "lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"],
            "kwargs": {"content": [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "c1", "name": "w",
                                                                        "input": {"city": "Oslo"}}],
                       "tool_calls": [{"name": "w", "args": {"city": "Oslo"}, "id": "c1"}]}}}]]},
        (SAID, CALL), None),
    "vercel": (
        {"finishReason": "tool-calls", "text": "Looking.", "reasoningText": "Hm.",
         "toolCalls": [{"toolCallId": "c1", "toolName": "w", "input": {"city": "Oslo"}}]},
        (THOUGHT, SAID, CALL), "tool-calls"),
    "cohere": (
        {"id": "i", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_plan": "Hm.",
                                                              "tool_calls": [OPENAI_CALL]}},
        (THOUGHT, CALL), "TOOL_CALL"),
    "mistral": (
        {"choices": [{"message": {"role": "assistant", "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
            {"type": "text", "text": "Looking."}]}}]},
        (THOUGHT, SAID), None),
    "ollama": (
        {"done": True, "done_reason": "stop", "message": {
            "role": "assistant", "content": "Looking.", "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "w", "arguments": {"city": "Oslo"}}}]}},
        (THOUGHT, SAID, ToolCall(None, "w", '{"city":"Oslo"}')), "stop"),
}  # fmt: skip


@pytest.mark.parametrize("wire", ANSWERS)
def test_an_answer_is_its_parts(wire: str) -> None:
    value, parts, reason = ANSWERS[wire]
    (choice,) = read_answer(value).choices
    assert choice.message == Message("assistant", parts)
    assert choice.finish_reason == reason


HISTORY: Final = (
    Message("user", (Text("Q"),)),
    Message("assistant", (CALL,)),
    Message("tool", (ToolResult("c1", None, (Text("sun"),)),)),
)
HISTORIES: Final[dict[str, list[Any]]] = {
    "chat completions": [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "sun"},
    ],
    "responses": [
        {"role": "user", "content": [{"type": "input_text", "text": "Q"}]},
        {"type": "function_call", "call_id": "c1", "name": "w", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "sun"},
    ],
    "anthropic": [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "w", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [
            {"type": "text", "text": "sun"}]}]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "Q"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "w", "args": {"city": "Oslo"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": None, "response": "sun"}}]},
    ],
    "bedrock": [
        {"role": "user", "content": [{"text": "Q"}, {"cachePoint": {"type": "default"}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "w", "input": {"city": "Oslo"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sun"}]}}]},
    ],
    "langchain": [
        {"type": "human", "content": "Q"},
        {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "w", "args": {"city": "Oslo"}, "id": "c1"}]}},
        {"type": "tool", "content": "sun", "tool_call_id": "c1", "status": "success"},
    ],
    "vercel": [
        {"role": "user", "content": [{"type": "text", "text": "Q"}]},
        {"role": "assistant", "content": [
            {"type": "tool-call", "toolCallId": "c1", "toolName": "w", "input": {"city": "Oslo"}}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "output": {
            "type": "text", "value": "sun"}}]},
    ],
    "the conventions": [
        {"role": "user", "parts": [{"type": "text", "content": "Q"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Oslo"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sun"}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("wire", HISTORIES)
def test_a_history_is_the_same_messages_in_every_form(wire: str) -> None:
    assert read_messages(HISTORIES[wire]).items == HISTORY


def test_forms_may_be_mixed_in_one_history() -> None:
    mixed = [HISTORIES["langchain"][0], HISTORIES["anthropic"][1], HISTORIES["chat completions"][2]]
    assert read_messages(mixed).items == HISTORY


def test_parallel_calls_of_responses_are_one_turn() -> None:
    items = [
        {"role": "user", "content": "Q"},
        {"type": "function_call", "call_id": "c1", "name": "w", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "w", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a"},
        {"type": "function_call_output", "call_id": "c2", "output": "b"},
    ]
    assert [one.role for one in read_messages(items).items] == ["user", "assistant", "tool", "tool"]


STREAMS: Final[dict[str, tuple[list[Json], tuple[Any, ...]]]] = {
    "chat completions": (
        [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Look"}}]},
         {"choices": [{"index": 0, "delta": {"content": "ing."}}]},
         {"choices": [{"index": 0, "delta": {"tool_calls": [
             {"index": 0, "id": "c1", "function": {"name": "w", "arguments": '{"city"'}}]}}]},
         {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ':"Oslo"}'}}]}}]},
         {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
         {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}],
        (SAID, CALL)),
    "responses, broken off": (
        [{"type": "response.created", "response": {"id": "r"}},
         {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "role": "assistant",
                                                                           "content": []}},
         {"type": "response.output_text.delta", "output_index": 0, "delta": "Look"},
         {"type": "response.output_text.delta", "output_index": 0, "delta": "ing."}],
        (SAID,)),
    "anthropic": (
        [{"type": "message_start", "message": {"role": "assistant", "content": [], "usage": {"input_tokens": 3}}},
         {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
         {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Looking."}},
         {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "w",
                                                                      "input": {}}},
         {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
         {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Oslo"}'}},
         {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}],
        (SAID, CALL)),
    "gemini": (
        [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Look"}]}}]},
         {"candidates": [{"content": {"role": "model", "parts": [{"text": "ing."}]}}]},
         {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
             {"functionCall": {"id": "c1", "name": "w", "args": {"city": "Oslo"}}}]}}]}],
        (SAID, CALL)),
    "bedrock": (
        [{"messageStart": {"role": "assistant"}},
         {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Looking."}}},
         {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "c1", "name": "w"}}}},
         {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"city":'}}}},
         {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '"Oslo"}'}}}},
         {"messageStop": {"stopReason": "tool_use"}}],
        (SAID, CALL)),
    "langchain": (
        [{"type": "AIMessageChunk", "content": "Look"}, {"type": "AIMessageChunk", "content": "ing."},
         {"type": "AIMessageChunk", "content": "", "tool_call_chunks": [
             {"index": 0, "id": "c1", "name": "w", "args": '{"city":'}]},
         {"type": "AIMessageChunk", "content": "", "tool_call_chunks": [{"index": 0, "args": '"Oslo"}'}]}],
        (SAID, CALL)),
    "ollama": (
        [{"done": False, "message": {"role": "assistant", "content": "Look"}},
         {"done": True, "message": {"role": "assistant", "content": "ing."}, "prompt_eval_count": 3}],
        (SAID,)),
    "cohere": (
        [{"type": "message-start", "id": "i"},
         {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Look"}}}},
         {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "ing."}}}},
         {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}],
        (SAID,)),
    "vercel": (
        [{"type": "text-delta", "text": "Look"}, {"type": "text-delta", "text": "ing."},
         {"type": "tool-call", "toolCallId": "c1", "toolName": "w", "input": {"city": "Oslo"}},
         {"type": "finish", "finishReason": "tool-calls"}],
        (SAID, CALL)),
}  # fmt: skip


@pytest.mark.parametrize("wire", STREAMS)
def test_a_streams_pieces_are_one_answer(wire: str) -> None:
    pieces, parts = STREAMS[wire]
    assert join_stream(pieces) is not None
    (choice,) = read_answer(pieces).choices
    assert choice.message.parts == parts


def test_pieces_of_no_known_form_are_no_answer() -> None:
    assert join_stream([{"a": 1}, {"b": 2}]) is None
    assert read_answer([{"a": 1}, {"b": 2}]).unread


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
         Usage(10, 2, None, 4)),
        ({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5},
         Usage(100, 2, None, 90, 5)),
        ({"inputTokens": 3, "outputTokens": 2, "totalTokens": 105, "cacheReadInputTokens": 100},
         Usage(103, 2, 105, 100)),
        ({"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10},
         Usage(5, 5, 10, None, None, 3)),
        ({"input_tokens": 10, "output_tokens": 4, "input_token_details": {"cache_read": 6},
          "output_token_details": {"reasoning": 1}}, Usage(10, 4, None, 6, None, 1)),
        ({"prompt_eval_count": 12.0, "eval_count": "7"}, Usage(12, 7)),
        ({"prompt_tokens": -1}, None),
    ],
)  # fmt: skip
def test_counts_are_the_conventions(usage: Json, expected: Usage | None) -> None:
    assert read_usage(usage) == expected


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": {"name": "w", "description": "d", "parameters": SCHEMA}}],
        [{"type": "function", "name": "w", "description": "d", "parameters": SCHEMA}],
        [{"name": "w", "description": "d", "input_schema": SCHEMA}],
        [{"functionDeclarations": [{"name": "w", "description": "d", "parameters": {
            "type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}]}],
        {"tools": [{"toolSpec": {"name": "w", "description": "d", "inputSchema": {"json": SCHEMA}}}]},
        {"w": {"description": "d", "inputSchema": {"jsonSchema": SCHEMA}}},
        json.dumps([{"name": "w", "description": "d", "parameters": SCHEMA}]),
    ],
)  # fmt: skip
def test_a_tool_is_the_same_in_every_form(tools: Any) -> None:
    assert read_tools(tools) == (Tool("w", "d", SCHEMA),)


def test_token_ids_and_logprobs_are_kept() -> None:
    answer = read_answer(
        {
            "prompt_token_ids": [1, 2],
            "choices": [
                {
                    "message": {"role": "assistant", "content": "Hi"},
                    "token_ids": [7],
                    "logprobs": {"content": [{"token": "Hi", "logprob": -0.5}]},
                }
            ],
        }
    )
    assert answer.prompt_tokens == Tokens((1, 2))
    assert answer.choices[0].tokens == Tokens((7,), (-0.5,), ("Hi",))


@pytest.mark.parametrize(
    "arguments",
    [
        {"messages": [{"role": "user", "content": "hi"}], "system": "Be brief.", "tools": [{"name": "w"}], "top_p": 1},
        {"kwargs": {"input": "hi", "instructions": "Be brief.", "tools": [{"name": "w"}], "top_p": 1}},
        {"contents": "hi", "config": {"system_instruction": "Be brief.", "tools": [{"name": "w"}], "top_p": 1}},
        {"request": {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "system": [{"text": "Be brief."}],
                     "toolConfig": {"tools": [{"toolSpec": {"name": "w"}}]}, "top_p": 1}},
        {"prompt": "hi", "system_prompt": "Be brief.", "functions": [{"name": "w"}], "top_p": 1},
    ],
)  # fmt: skip
def test_a_request_is_found_under_the_names_in_use(arguments: Json) -> None:
    request = read_request(arguments)
    assert [(one.role, one.text) for one in request.messages] == [("system", "Be brief."), ("user", "hi")]
    assert [tool.name for tool in request.tools] == ["w"]
    assert request.parameters == {"top_p": 1}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
        {"type": "image", "base64": "QUJD", "mime_type": "image/png"},
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"image": {"format": "png", "source": {"bytes": {"type": "bytes", "size": 3, "text": "ABC"}}}},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
    ],
)
def test_an_image_is_the_same_in_every_form(part: Json) -> None:
    key = "parts" if "inlineData" in part else "content"
    (message,) = read_messages([{"role": "user", key: [part]}]).items
    assert message.parts == (Media("image", data="QUJD", mime_type="image/png"),)
