"""Messages as OpenInference spreads them over attributes → OpenAI's form; and whether the raw request and response that
stand beside them have more. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.messages import NOT_RECORDED, read_messages, unread
from atlas_otel.calls.model_call import ToolCall, ToolResult, Unknown
from atlas_otel.calls.request import read_request
from atlas_otel.calls.writing import write_message
from atlas_otel.projection.dialects import calling
from atlas_otel.projection.dialects.indexed import mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from atlas_otel.calls.model_call import Message
    from atlas_otel.records.json_text import JsonText

_SAYS: Final = ("content", "tool_calls", "tool_call_id", "reasoning_content")


def messages(held: object, role: str) -> Iterator[dict[str, Any]]:
    """The message that one place of a list holds; several where AutoGen puts the results of several tools there."""
    outer = mapping(held)
    results = [calling.opened(one) for one in sequence(outer.get("function"))]
    if results:
        yield from (_result(one) for one in results if isinstance(one, dict))
        return
    yield _message(mapping(outer.get("message")), role, thought=outer.get("thought"))


def _result(held: Mapping[str, Any]) -> dict[str, Any]:
    said = {"role": "tool", "content": held.get("content"), "tool_call_id": held.get("call_id")}
    return {**said, "name": held.get("name"), "is_error": bool(held.get("is_error"))}


def _message(fields: Mapping[str, Any], role: str, *, thought: object) -> dict[str, Any]:
    """A message in OpenAI's form, whose contents may be parts of any provider's."""
    calls = [_call(mapping(one).get("tool_call")) for one in sequence(fields.get("tool_calls"))]
    if "function_call_name" in fields:
        function = {"name": fields["function_call_name"], "arguments": fields.get("function_call_arguments_json")}
        calls.append({"id": None, "function": function})
    contents = []
    for one in sequence(fields.get("contents")):
        if "tool_call" in mapping(one):  # the same once more, in its place among the texts
            call = _call(one["tool_call"])
            calls += [] if call in calls else [call]
        else:
            contents.append(_content(mapping(one).get("message_content")))
    said = {
        "role": _role(fields, role),
        "content": contents or fields.get("content") or (thought if isinstance(thought, str) else None),
        "tool_calls": calls or None,
        "tool_call_id": fields.get("tool_call_id"),
        "name": fields.get("name"),
        "reasoning_content": fields.get("reasoning_content"),
    }
    if role == "user" and not any(said[key] not in (None, "") for key in _SAYS) and "content" not in fields:
        return write_message(unread(dict(fields), NOT_RECORDED, str(said["role"])))
    return {key: value for key, value in said.items() if value is not None or key == "content"}


def _role(fields: Mapping[str, Any], role: str) -> object:
    """smolagents' ``tool-response`` goes to the provider as a user's message, where it names no call."""
    said = fields.get("role", role)
    return "user" if said == "tool-response" and "tool_call_id" not in fields else said


def _call(held: object) -> dict[str, Any]:
    call = mapping(held)
    return {"id": call.get("id"), "function": mapping(call.get("function"))}


def _content(held: object) -> dict[str, Any]:
    fields = mapping(held)
    kind, text = fields.get("type"), fields.get("text")
    if kind in (None, "text"):
        return {"type": "text", "text": text}
    if kind in ("reasoning", "thinking"):
        said = {"type": "reasoning", "content": text or fields.get("reasoning") or fields.get("thinking") or ""}
        return {**said, **({"signature": fields["signature"]} if isinstance(fields.get("signature"), str) else {})}
    url = next((found for one in fields.values() if (found := _url(one)) is not None), None)
    if isinstance(url, str):
        return (
            {"type": "image_url", "image_url": {"url": url}}
            if kind == "image"
            else {"type": "uri", "modality": kind, "uri": url}
        )
    return dict(fields)


def _url(value: object) -> object:
    inner = mapping(value)
    return inner.get(
        "url", next((one["url"] for one in inner.values() if isinstance(one, dict) and "url" in one), None)
    )


# --- beside the raw request and response ------------------------------------------------------------------------------


def is_poorer(spread: JsonText, request: object) -> bool:
    """Whether the request as it went to the provider names more calls than its messages spread over attributes."""
    given = {"messages": request} if isinstance(request, list) else request
    if not isinstance(given, dict):
        return False
    raw = read_request(given).messages
    return bool(raw) and _is_whole(raw) and _ids(raw) > _ids(read_messages(spread).items)


def is_poorer_answer(spread: JsonText, response: object) -> bool:
    """Whether the response has more than the answer spread over attributes, ids of calls or reasoning, or lacks calls
    that are left there of an earlier answer on the same span."""
    raw = [choice.message for choice in calling.choices_in(response)]
    said = [choice.message for choice in read_answer(spread).choices]
    if not raw or not _is_whole(raw):
        return False
    if _ids(raw) > _ids(said) or (_thinks(raw) and not _thinks(said)):
        return True
    same = [one.text for one in raw] == [one.text for one in said]
    return same and _calls(raw) < _calls(said)


def _is_whole(found: Iterable[Message]) -> bool:
    return not any(one.unread or any(isinstance(part, Unknown) for part in one.parts) for one in found)


def _calls(found: Iterable[Message]) -> int:
    return sum(len(one.tool_calls) for one in found)


def _thinks(found: Iterable[Message]) -> bool:
    return any(one.reasoning for one in found)


def _ids(found: Iterable[Message]) -> int:
    return sum(isinstance(part, (ToolCall, ToolResult)) and part.id is not None for one in found for part in one.parts)
