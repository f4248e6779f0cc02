"""What a function around a model was called with → messages, tools, parameters, by the names in use. Pure.

The names are those of the providers' own interfaces (OpenAI's, Anthropic's, Gemini's, Bedrock's, Cohere's, Ollama's)
and the ones that people give such parameters. Arguments come by name; ``**kwargs`` and an argument that holds the whole
request (``request``, ``payload``, ``config``, …) are opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from atlas_otel.calls.messages import is_message, read_messages
from atlas_otel.calls.model_call import Cut, Message, Text, Tool
from atlas_otel.calls.parts import read_parts
from atlas_otel.calls.tools import read_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from atlas_otel.calls.model_call import Part

_MESSAGES: Final = (
    "messages", "input_messages", "chat_messages", "contents", "chat_history", "history", "conversation", "msgs",
    "message_list", "input", "inputs", "prompt", "prompts", "message", "question", "query", "user_prompt",
    "user_message", "user_input", "text", "content",
)  # fmt: skip
_SAID: Final = frozenset({"messages", "contents", *_MESSAGES[9:]})
"""Names whose text is what the user said."""
_SYSTEM: Final = (
    "system", "instructions", "system_prompt", "system_instruction", "system_instructions", "systemInstruction",
    "system_message", "preamble",
)  # fmt: skip
_TOOLS: Final = (
    "tools", "functions", "tool_definitions", "available_tools", "tool_schemas", "toolConfig", "tool_config",
    "function_declarations",
)  # fmt: skip
_MODELS: Final = ("model", "model_name", "model_id", "modelId", "deployment")
_OPENED: Final = (
    "kwargs", "request", "payload", "params", "body", "config", "options", "generation_config", "settings", "args",
)  # fmt: skip
_NO_PARAMETERS: Final = frozenset({"self", "cls", "client"})
_DEPTH: Final = 3


class Request(NamedTuple):
    """What a model was given. ``taken``: where in the arguments messages, system text and tools stand, as paths."""

    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    parameters: Mapping[str, Any] = {}
    model: str | None = None
    previous_response_id: str | None = None
    cut: Cut | None = None
    taken: frozenset[tuple[str, ...]] = frozenset()


def read_request(arguments: Mapping[str, Any]) -> Request:
    """The request that arguments (JSON, by name) are.

    read_request({"prompt": "hi", "temperature": 0}).messages[0].text   # "hi"
    """
    levels = dict(_levels(arguments, ()))
    top, system, tools = _messages(levels), _system(levels), _tools(levels)
    taken = frozenset(found.path for found in (top, system, tools) if found is not None)
    read = read_messages(top.value) if top is not None else read_messages(None)
    apart = _apart(system.value) if system is not None else ()
    messages = (Message("system", apart, apart=True), *read.items) if apart else read.items
    beside = _last_of_cohere(levels, top)
    return Request(
        messages + beside,
        read_tools(tools.value) if tools is not None else (),
        _parameters(levels, taken),
        next((level[name] for level in levels.values() for name in _MODELS if isinstance(level.get(name), str)), None),
        next((one for level in levels.values() if isinstance(one := level.get("previous_response_id"), str)), None),
        read.cut,
        taken,
    )


def without(arguments: Mapping[str, Any], taken: frozenset[tuple[str, ...]]) -> Mapping[str, Any]:
    """The arguments without what stands at these paths."""
    if not taken:
        return arguments
    tops = {path[0] for path in taken}
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in tops:
            kept[name] = value
        elif (name,) not in taken and isinstance(value, dict):
            inner = without(value, frozenset(path[1:] for path in taken if path[0] == name and len(path) > 1))
            if inner:
                kept[name] = inner
    return kept


class _Found(NamedTuple):
    path: tuple[str, ...]
    value: Any


_Levels: TypeAlias = "Mapping[tuple[str, ...], Mapping[str, Any]]"


def _levels(arguments: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The arguments, and those within that hold the request or a part of it, each with its path."""
    yield path, arguments
    if len(path) < _DEPTH:
        for name, value in arguments.items():
            if isinstance(value, dict) and not is_message(value) and (name in _OPENED or _is_request(value)):
                yield from _levels(value, (*path, name))


def _is_request(value: Mapping[str, Any]) -> bool:
    return any(_is_messages(value.get(name)) for name in _MESSAGES[:9])


def _is_messages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and any(map(is_message, value))


def _messages(levels: _Levels) -> _Found | None:
    """Messages under a usual name, else under any, else a text under a name that is the user's."""
    for path, level in levels.items():
        for name in _MESSAGES:
            value = level.get(name)
            if _is_messages(value) or (isinstance(value, dict) and is_message(value)):
                return _Found((*path, name), value)
        for name, value in level.items():
            if name not in _SYSTEM and _is_messages(value):
                return _Found((*path, name), value)
    for path, level in levels.items():
        for name in _MESSAGES:
            value = level.get(name)
            if (isinstance(value, str) and value and name in _SAID) or _are_parts(value):
                return _Found((*path, name), [{"role": "user", "content": value}])
    return None


def _are_parts(value: object) -> bool:
    """Whether a list is what the user said, in texts and parts (Gemini takes such)."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(one, str) or (isinstance(one, dict) and isinstance(one.get("type"), str)) for one in value)


def _system(levels: _Levels) -> _Found | None:
    return _named(levels, _SYSTEM, lambda value: bool(_apart(value)))


def _tools(levels: _Levels) -> _Found | None:
    """The tools, where every entry is read as one: else they stay among the arguments."""
    found = _named(levels, _TOOLS, lambda value: bool(read_tools(value)))
    listed = found.value if found is not None else None
    return None if isinstance(listed, list) and len(read_tools(listed)) < len(listed) else found


def _named(levels: _Levels, names: tuple[str, ...], holds: Callable[[Any], bool]) -> _Found | None:
    for path, level in levels.items():
        for name in names:
            if level.get(name) and holds(level[name]):
                return _Found((*path, name), level[name])
    return None


def _apart(value: object) -> tuple[Part, ...]:
    """The parts of a system text: a text, parts, or a message (Gemini's ``{parts: […]}``)."""
    if isinstance(value, str):
        return (Text(value),)
    if isinstance(value, dict) and isinstance(value.get("parts", value.get("content")), (list, str)):
        return read_parts(value.get("parts", value.get("content")))
    return read_parts(value) if isinstance(value, list) else ()


def _last_of_cohere(levels: _Levels, found: _Found | None) -> tuple[Message, ...]:
    """Version 1 of Cohere's has the user's last message beside the history."""
    if found is None or found.path[-1] != "chat_history":
        return ()
    said = levels[found.path[:-1]].get("message")
    return (Message("user", (Text(said),)),) if isinstance(said, str) and said else ()


def _parameters(levels: _Levels, taken: frozenset[tuple[str, ...]]) -> Mapping[str, Any]:
    """All else that the model was given, but for what was not set and what is no value."""
    found: dict[str, Any] = {}
    for path, level in levels.items():
        for name, value in level.items():
            held = (*path, name)
            known = held in taken or held in levels or name in _MODELS or name in _NO_PARAMETERS
            if not known and value is not None and not (isinstance(value, str) and value.startswith("<")):
                found.setdefault(name, value)
    found.pop("previous_response_id", None)
    return found
