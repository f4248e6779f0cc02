"""A model call, as every export reads it, in the API's shape. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import model_call as calls
from atlas_otel.ui.shapes import transcript as shapes

if TYPE_CHECKING:
    from atlas_otel_exporters.training.turn import Turn

_SHOWN: Final = 2 * 1024 * 1024
"""Base64 beyond this is not shown inside of a call."""


def call_view(turn: Turn, *, excluded: bool, correction: str | None) -> shapes.ModelCallView:
    """The call of ``turn``, with what reviewers said of it."""
    call = turn.call
    return shapes.ModelCallView(
        provider=call.provider,
        request_model=call.request_model,
        response_model=call.response_model,
        response_id=call.response_id,
        actor=turn.actor,
        agent=turn.agent,
        messages=[_message(one) for one in call.messages],
        choices=[
            shapes.CallChoice(index=one.index, message=_message(one.message), finish_reason=one.finish_reason)
            for one in call.choices
        ],
        tools=[
            shapes.CallTool(name=one.name, description=one.description, parameters=one.parameters or one.value)
            for one in call.tools
        ],
        parameters=dict(call.parameters),
        usage=None if call.usage is None else _usage(call.usage),
        cut_messages=call.cut.messages if call.cut is not None else 0,
        cut_bytes=call.cut_bytes,
        unread=list(call.marks),
        whole=call.whole,
        reward=turn.reward,
        reward_source=turn.reward_source,
        excluded=excluded,
        correction=correction,
    )


def _usage(usage: calls.Usage) -> shapes.CallUsage:
    return shapes.CallUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _message(message: calls.Message) -> shapes.CallMessage:
    return shapes.CallMessage(
        role=message.role,
        name=message.name,
        parts=[_part(one) for one in message.parts],
        unread=message.unread,
        cut_bytes=message.cut_bytes,
    )


def _part(part: calls.Part) -> Any:
    if isinstance(part, calls.ToolResult):
        return shapes.ToolResultPart(
            kind="tool_result",
            id=part.id,
            name=part.name,
            error=part.error,
            parts=[_inner(one) for one in part.parts],
        )
    return _inner(part)


def _inner(part: calls.Part) -> Any:
    """A part that holds no others. A result within a result is none that any wire form has: it is shown as it came."""
    if isinstance(part, calls.Text):
        return shapes.TextPart(kind="text", text=part.text)
    if isinstance(part, calls.Reasoning):
        return shapes.ReasoningPart(kind="reasoning", text=part.text, encrypted=part.encrypted is not None)
    if isinstance(part, calls.ToolCall):
        return shapes.ToolCallPart(kind="tool_call", id=part.id, name=part.name, arguments=part.arguments_text)
    if isinstance(part, calls.Media):
        return _media(part)
    if isinstance(part, calls.Refusal):
        return shapes.RefusalPart(kind="refusal", text=part.text)
    return _other(part)


def _media(part: calls.Media) -> shapes.MediaPart:
    data = part.data
    return shapes.MediaPart(
        kind="media",
        modality=part.modality,
        mime_type=part.mime_type,
        name=part.name,
        uri=part.uri,
        file_id=part.file_id,
        data=data if data is not None and len(data) <= _SHOWN else None,
        bytes=None if data is None else len(data) * 3 // 4,
    )


def _other(part: calls.Part) -> shapes.OtherPart:
    if isinstance(part, calls.Citation):
        return shapes.OtherPart(kind="citation", name=None, value=part.value)
    if isinstance(part, calls.ServerToolCall):
        return shapes.OtherPart(kind="server_tool_call", name=part.name, value=part.value)
    if isinstance(part, calls.ServerToolResult):
        return shapes.OtherPart(kind="server_tool_result", name=part.name, value=part.value)
    if isinstance(part, calls.Unknown):
        return shapes.OtherPart(kind="unknown", name=part.kind, value=part.value)
    assert isinstance(part, calls.ToolResult)
    return shapes.OtherPart(kind="unknown", name="tool_result", value=part.text)
