"""What a span says to whoever looks at it in Jaeger, beside what its record says. Pure.

``invoke_agent`` gets its task and answer as messages; a tool's text result stands as that text; metadata, tags, the
latest verdict and reward become attributes that can be searched; what is too long gets a short form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.records.packing import unpack_events
from atlas_otel.view.shortening import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.records.record import AttributeValue

_AGENTS: Final = ("session", "agent")
_CONVERSATION: Final = ("conversation_id", semconv.GEN_AI_CONVERSATION_ID)
_MAX_SCALARS: Final = 64
_MAX_SCALAR: Final = 256
"""Characters: longer texts are nothing to search by."""
_MAX_DEPTH: Final = 3
_SYSTEM_FIRST: Final = ('[{"role":"system"', '[{"role":"developer"')
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_TAKEN: Final = ("atlas.", "gen_ai.", "otel.", "internal.", "service.", "exception.", "telemetry.")
_RESERVED: Final = frozenset({"error", "span.kind", semconv.ERROR_TYPE, "user.id", "session.id", "name", "status"})


class View(NamedTuple):
    """Changes to a span's attributes: which to set, and how each came about (``undone`` takes them back)."""

    added: dict[str, AttributeValue]
    texts: dict[str, str]

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """All that is to be set, with the marks that let a receiver take it back; empty where nothing is."""
        if not self.added and not self.texts:
            return {}
        changes: dict[str, AttributeValue] = {**self.added, **self.texts}
        changes[semconv.ATLAS_VIEW_ADDED] = list(self.added)
        if self.texts:
            changes[semconv.ATLAS_VIEW_TEXTS] = list(self.texts)
        return changes


def view_of(attributes: Mapping[str, AttributeValue], *, failed: bool = False) -> View:
    """What to add to a span of ours with these attributes. ``failed``: it ended with an error."""
    added: dict[str, AttributeValue] = {}
    texts: dict[str, str] = {}
    kind = attributes.get(semconv.ATLAS_KIND)
    result = attributes.get(semconv.GEN_AI_TOOL_CALL_RESULT)
    if isinstance(result, str) and result.startswith('"') and (plain := _json(result)) is not None:
        texts[semconv.GEN_AI_TOOL_CALL_RESULT] = plain
    if kind in _AGENTS:
        _add_messages(attributes, added, failed=failed)
    metadata = _object(attributes.get(semconv.ATLAS_METADATA))
    packed = attributes.get(semconv.ATLAS_EVENTS)
    if isinstance(packed, str):
        _add_reported(packed, added, metadata)
    _add_scalars(metadata, attributes, added)
    tags = attributes.get(semconv.ATLAS_TAGS)
    for tag in tags if isinstance(tags, (list, tuple)) else ():
        if isinstance(tag, str) and len(tag) <= _MAX_SCALAR:
            added.setdefault(semconv.ATLAS_TAG_PREFIX + tag, True)
    if kind in _AGENTS and semconv.GEN_AI_CONVERSATION_ID not in attributes:
        named = next((v for k in _CONVERSATION if isinstance(v := metadata.get(k), (str, int)) and v), None)
        if named is not None:
            added[semconv.GEN_AI_CONVERSATION_ID] = str(named)
    return View(added, texts)


def short_forms(attributes: Mapping[str, AttributeValue], limit: int) -> dict[str, str]:
    """The short form of each text over ``limit`` bytes, by the attribute's own name."""
    found = {}
    for key, value in attributes.items():
        if isinstance(value, str) and len(value) * 4 > limit and key != semconv.ATLAS_EVENTS:
            short = shortened(value, limit)
            if short is not value:
                found[key] = short
    return found


def system_parts(messages: AttributeValue) -> str | None:
    """What the system's messages at the beginning say, as ``gen_ai.system_instructions`` has it."""
    if not isinstance(messages, str) or not messages.startswith(_SYSTEM_FIRST):
        return None
    parts: list[Any] = []
    for one in _json(messages) or ():
        if not isinstance(one, dict) or one.get("role") not in ("system", "developer"):
            break
        parts += one["parts"] if isinstance(one.get("parts"), list) else ()
    return _dump(parts) if parts else None


def message(role: str, text: str, **more: str) -> dict[str, Any]:
    """One message of the GenAI conventions."""
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def _add_messages(attributes: Mapping[str, AttributeValue], added: dict[str, AttributeValue], *, failed: bool) -> None:
    task = attributes.get(semconv.ATLAS_TASK)
    asked = task if isinstance(task, str) and task else _asked(attributes.get(semconv.ATLAS_INPUT))
    if asked and semconv.GEN_AI_INPUT_MESSAGES not in attributes:
        added[semconv.GEN_AI_INPUT_MESSAGES] = _dump([message("user", asked)])
    answer = _words(attributes.get(semconv.ATLAS_OUTPUT))
    if answer is None:
        return
    if semconv.GEN_AI_OUTPUT_MESSAGES not in attributes:
        said = message("assistant", answer, finish_reason="error" if failed else "stop")
        added[semconv.GEN_AI_OUTPUT_MESSAGES] = _dump([said])
    added[semconv.ATLAS_ANSWER] = answer


def _asked(given: AttributeValue) -> str | None:
    """What a sub-agent was asked: its one argument where that is a text, else all of them as JSON."""
    if not isinstance(given, str):
        return None
    arguments = _json(given)
    if isinstance(arguments, dict):
        texts = [value for value in arguments.values() if isinstance(value, str)]
        if len(texts) == 1 and len(arguments) == 1:
            return texts[0]
    return arguments if isinstance(arguments, str) else given


def _words(output: AttributeValue) -> str | None:
    if not isinstance(output, str):
        return None
    said = _json(output) if output.startswith('"') else output
    return said if isinstance(said, str) and said != "null" else None


def _add_reported(packed: str, added: dict[str, AttributeValue], metadata: dict[str, Any]) -> None:
    """The latest reward and verdict, and what was merged into ``metadata``."""
    for event in unpack_events(packed, "", "", None).events:
        said = _object(event.payload)
        if said.get("target"):
            continue  # about another span
        if event.name == semconv.EVENT_METADATA:
            metadata.update(_object(said.get("metadata")))
        elif event.name == semconv.EVENT_REWARD and isinstance(score := said.get("score"), (int, float)):
            added[semconv.ATLAS_REWARD_SCORE] = float(score)
            added.pop(semconv.ATLAS_REWARD_RATIONALE, None)
            if isinstance(why := said.get("rationale"), str) and why:
                added[semconv.ATLAS_REWARD_RATIONALE] = why
        elif event.name == semconv.EVENT_VALIDATION:
            added[semconv.ATLAS_VALIDATION_VALID] = bool(said.get("valid"))
            added.pop(semconv.ATLAS_VALIDATION_REASON, None)
            if isinstance(why := said.get("reason"), str) and why:
                added[semconv.ATLAS_VALIDATION_REASON] = why


def _add_scalars(
    metadata: Mapping[str, Any], attributes: Mapping[str, AttributeValue], added: dict[str, AttributeValue]
) -> None:
    for number, (key, value) in enumerate(_scalars(metadata, "", _MAX_DEPTH)):
        if number >= _MAX_SCALARS:
            return
        if key not in attributes and key not in _RESERVED and not key.startswith(_TAKEN) and _NAME.fullmatch(key):
            added.setdefault(key, value)


def _scalars(tree: Mapping[str, Any], prefix: str, depth: int) -> Iterable[tuple[str, AttributeValue]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            if depth > 1:
                yield from _scalars(value, f"{prefix}{key}.", depth - 1)
        elif _is_scalar(value):
            yield prefix + key, value


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _MAX_SCALAR
    return isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _object(value: object) -> dict[str, Any]:
    read = _json(value) if isinstance(value, str) else value
    return dict(read) if isinstance(read, dict) else {}


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _dump(tree: Sequence[Any]) -> str:
    return orjson.dumps(tree).decode()
