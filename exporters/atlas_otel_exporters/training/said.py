"""Whether one model call goes on from another, by what was said in both, and not by its form. Pure.

Frameworks send a history back otherwise than they got it: arguments written anew, reasoning left out, parallel calls in
messages of their own, results in the order in which they came. None of that makes another conversation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.calls.model_call import Media, Message, Refusal, Text, ToolCall, ToolResult, Unknown
from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.calls.model_call import Part
    from atlas_otel.models.json_types import JsonValue


class Said(NamedTuple):
    """One thing that was said, called or answered. ``id`` may be missing on one side: it then does not part them."""

    by: str
    kind: str
    content: str
    id: str | None = None
    at: int = 0
    """The message that it stands in."""

    def is_same(self, other: Said) -> bool:
        """Whether both say the same."""
        if self[:3] != other[:3]:
            return False
        return self.id is None or other.id is None or self.id == other.id


def said_in(messages: Iterable[Message]) -> list[Said]:
    """All that is said in these messages, without reasoning; results that stand side by side by their ids."""
    found: list[Said] = []
    results: list[Said] = []
    for number, message in enumerate(messages):
        items = list(_said(message, number))
        if message.role == "tool" and all(one.kind == "result" for one in items):
            results += items
            continue
        found += _sorted(results)
        results = []
        found += items
    return found + _sorted(results)


def goes_on(earlier: Sequence[Said], later: Sequence[Said]) -> bool:
    """Whether ``later`` begins with all that ``earlier`` says."""
    if len(earlier) > len(later):
        return False
    return all(one.is_same(other) for one, other in zip(earlier, later, strict=False))


def fuller(answer: Message, history: Message) -> Message | None:
    """The same message with all that its two forms have, where one of them lacks the calls, the text or all; None where
    they differ otherwise. Reasoning is the answer's; ids of calls are the history's, whose results name them: a client
    gives them itself where the provider has none."""
    if answer.role != history.role:
        return None
    text, sent_text = answer.text.strip(), history.text.strip()
    calls, sent_calls = _calls(answer), _calls(history)
    if text and sent_text and text != sent_text:
        return None
    if calls and sent_calls:
        if [one.content for one in calls] != [one.content for one in sent_calls]:
            return None
        answer = _with_ids(answer, [one.id for one in sent_calls])
    if not (calls or sent_calls):
        return None
    missing = (
        *((part for part in history.parts if isinstance(part, Text)) if not text else ()),
        *((part for part in history.parts if isinstance(part, ToolCall)) if not calls else ()),
    )
    if not missing:
        return answer
    said = [part for part in answer.parts if not isinstance(part, ToolCall)]
    called = [part for part in answer.parts if isinstance(part, ToolCall)]
    texts = [part for part in missing if isinstance(part, Text)]
    return replace(answer, parts=(*said, *texts, *called, *(one for one in missing if isinstance(one, ToolCall))))


def _calls(message: Message) -> list[Said]:
    return [one for one in said_in([message]) if one.kind == "call"]


def _with_ids(message: Message, ids: list[str | None]) -> Message:
    left = iter(ids)
    parts = tuple(
        replace(part, id=next(left) or part.id) if isinstance(part, ToolCall) else part for part in message.parts
    )
    return replace(message, parts=parts)


def _sorted(results: list[Said]) -> list[Said]:
    return sorted(results, key=lambda one: (one.id or "", one.content)) if len(results) > 1 else results


def _said(message: Message, number: int) -> Iterable[Said]:
    role = "system" if message.role == "developer" else message.role
    if not message.parts:
        yield Said(role, "nothing", "", None, number)
    text = ""
    for part in message.parts:
        if isinstance(part, Text):
            text += part.text
            continue
        item = _of_part(part, role, number)
        if item is not None:
            if text.strip():
                yield Said(role, "text", text.strip(), None, number)
            text = ""
            yield item
    if text.strip():
        yield Said(role, "text", text.strip(), None, number)


def _of_part(part: Part, role: str, number: int) -> Said | None:
    if isinstance(part, ToolCall):
        return Said(role, "call", f"{part.name}({_canonical(part.arguments)})", part.id, number)
    if isinstance(part, ToolResult):
        held = " ".join(filter(None, (part.text.strip(), *_others(part.parts))))
        return Said("tool", "result", held, part.id, number)
    if isinstance(part, Media):
        return Said(role, part.modality, part.uri or part.file_id or part.data or "", None, number)
    if isinstance(part, Refusal):
        return Said(role, "text", part.text.strip(), None, number)
    if isinstance(part, Unknown):
        return Said(role, "unknown", _canonical(part.value), None, number)
    return None


def _others(parts: tuple[Part, ...]) -> list[str]:
    return [part.uri or part.file_id or part.data or "" for part in parts if isinstance(part, Media)]


def _canonical(value: JsonValue) -> str:
    return dump(_ordered(value))


def _ordered(value: JsonValue) -> JsonValue:
    """The value with keys in one order, and numbers that are equal in one form."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
