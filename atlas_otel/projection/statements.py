"""What a value says as a task or as an answer: out of messages, of the containers that frameworks put around them, and
of the ``repr`` of an object. Pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.messages import is_message, read_messages
from atlas_otel.calls.model_call import Text
from atlas_otel.calls.parts import read_parts
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.calls.model_call import Message
    from atlas_otel.models.json_types import JsonValue

_ASKED: Final = (
    "task", "user_prompt", "user_input", "user_msg", "user_message", "question", "query", "prompt", "input", "messages",
    "inputs", "input_args", "args", "kwargs", "input_kwargs", "input_data", "new_message", "message", "content", "text",
    "raw", "data", "start_event", "ev", "parts",
)  # fmt: skip
_ANSWERED: Final = (
    "final_answer", "answer", "final_output", "output", "outputs", "result", "response", "reply", "replies",
    "last_message", "raw", "messages", "message", "content", "text", "value", "data", "parts",
)  # fmt: skip
"""Under which keys containers hold it; the first that says something does."""
_DEEPEST: Final = 6
_LONGEST_REPR: Final = 100_000
_REPR: Final = re.compile(r"[A-Za-z_][\w.]*\((?:.*)\)\Z", re.DOTALL)
_OBJECT: Final = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-fA-F]+)?>\Z|<[\w.]+ .*>\Z", re.DOTALL)
_NAMED: Final = re.compile(r"[A-Za-z_][\w.]*\(\w+=", re.DOTALL)
_BARE: Final = re.compile(r"[A-Z]\w*\(\)\Z")
_BREAKS_OFF: Final = ("...", "…")
_ENUM: Final = re.compile(r"<[A-Za-z_][\w.]*: ('[^'\n]*'|\"[^\"\n]*\"|-?\d+)>")
"""How Python shows a member of an enumeration: no expression."""


def asked(text: JsonText | None) -> str:
    """What a user asked for in ``text``: of messages, the last thing that a user said in them, which is this turn's."""
    return _said(text.value, "user", _ASKED, 0) if text is not None else ""


def answered(text: JsonText | None) -> str:
    """What was answered in ``text``: of messages, the last thing that the assistant said."""
    return _said(text.value, "assistant", _ANSWERED, 0) if text is not None else ""


def first_choice(text: JsonText | None) -> str:
    """The same of a model call's answers, of which the first is the one that counts."""
    if text is None:
        return ""
    items = read_messages(text, role="assistant").items
    return next((said for one in items if one.role == "assistant" and (said := _text(one))), "")


def is_repr(text: str) -> bool:
    """Whether a text is how Python shows an object, and nothing that anybody said."""
    said = text.strip()
    if _NAMED.match(said):
        return bool(_REPR.match(said)) or said.endswith(_BREAKS_OFF)
    return bool(_OBJECT.match(said) or _BARE.match(said))


def _said(value: JsonValue, role: str, keys: tuple[str, ...], depth: int) -> str:
    if depth > _DEEPEST or value is None or isinstance(value, (bool, int, float)):
        return ""
    if isinstance(value, str):
        return _in_text(value, role, keys, depth)
    if isinstance(value, list):
        return _in_list(value, role, keys, depth)
    if is_message(value):
        return _of_messages([value], role)
    for key in keys:
        if key in value and (found := _said(value[key], role, keys, depth + 1)):
            return found
    if depth < 2 and len(value) == 1:
        (only,) = value.values()
        return _said(only, role, keys, depth + 1)
    return ""


def _in_text(text: str, role: str, keys: tuple[str, ...], depth: int) -> str:
    """A text, opened where it is JSON of a container or of messages, or shows an object."""
    head = text.lstrip()[:1]
    if head in ("{", "["):
        inner = JsonText(text).value
        if isinstance(inner, (dict, list)):
            # What is no container that is known is a text that happens to be JSON: a model's structured answer, say.
            return _said(inner, role, keys, depth + 1) if _holds(inner, keys) else text
    if is_repr(text):
        fields = repr_fields(text)
        return _said(fields, role, keys, depth + 1) if fields else ("" if depth else text)
    return text


def _holds(value: Any, keys: tuple[str, ...]) -> bool:
    if isinstance(value, dict):
        return is_message(value) or isinstance(value.get("messages"), list)
    return any(isinstance(one, Mapping) and is_message(one) for one in value) or _all_text(value)


def _in_list(value: list[Any], role: str, keys: tuple[str, ...], depth: int) -> str:
    if any(isinstance(one, Mapping) and is_message(one) for one in value) or _is_pair(value):
        return _of_messages(value, role)
    if _all_text(value):
        return "\n".join(part.text for part in read_parts(value) if isinstance(part, Text))
    texts = [one for one in value if isinstance(one, str)]
    if len(value) == len(texts) == 1:
        return _said(texts[0], role, keys, depth + 1)
    for one in value if role == "user" else reversed(value):
        if isinstance(one, (dict, list)) and (found := _said(one, role, keys, depth + 1)):
            return found
    return ""


def _is_pair(value: list[Any]) -> bool:
    """LangGraph's short form: ``["user", "text"]``."""
    return any(isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one) for one in value)


def _all_text(value: list[Any]) -> bool:
    """Whether a list holds parts of a message that are all texts."""
    blocks = [
        one
        for one in value
        if isinstance(one, Mapping) and set(one) <= {"type", "text"} and isinstance(one.get("text"), str)
    ]
    return bool(value) and len(blocks) == len(value)


def _of_messages(value: list[Any], role: str) -> str:
    items = read_messages(value).items
    return next((said for one in reversed(items) if one.role == role and (said := _text(one))), "")


def _text(message: Message) -> str:
    return message.text


def repr_fields(text: str) -> dict[str, Any]:
    """The arguments that are plain values in how Python shows an object, ``StopEvent(result='…')``; none elsewhere."""
    if len(text) > _LONGEST_REPR:
        return {}
    try:
        shown = ast.parse(_ENUM.sub(r"\1", text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return _fields(shown, 0) if isinstance(shown, ast.Call) else {}


def _fields(call: ast.Call, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is not None and (value := _value(keyword.value, depth)) is not None:
            found[keyword.arg] = value
    if not found and len(call.args) == 1 and (value := _value(call.args[0], depth)) is not None:
        found["value"] = value
    return found


def _value(node: ast.expr, depth: int) -> Any:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (str, int, float)) else None
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call):
        return _fields(node, depth + 1) or None
    if isinstance(node, (ast.List, ast.Tuple)):
        return [held for one in node.elts if (held := _value(one, depth + 1)) is not None]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {
            key.value: held
            for key, one in pairs
            if isinstance(key, ast.Constant)
            and isinstance(key.value, str)
            and (held := _value(one, depth + 1)) is not None
        }
    return None
