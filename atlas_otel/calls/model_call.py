"""One model call, whole, whichever provider or framework it was recorded from. The types only; pure.

The parts follow the GenAI conventions. Nothing here is empty that was not sent empty, and nothing is made up: what
could not be read is kept as :class:`Unknown` and marked, what was cut says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from atlas_otel.records import lenient_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue


# --- parts of a message -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """What was said. ``citations`` are the provider's own annotations of it, as they came."""

    text: str
    citations: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it spoke. ``text`` is empty where the provider gives only ``encrypted``."""

    text: str
    signature: str | None = None
    """What the provider needs to take the reasoning back (Anthropic, Gemini)."""
    encrypted: str | None = None
    """The reasoning in a form that only the provider reads (OpenAI's ``encrypted_content``, Anthropic's ``data``)."""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called. ``arguments_text`` is what the model wrote, to the byte where the wire had it
    as text; an object from the wire is written without spaces, its keys in their order."""

    id: str | None
    name: str
    arguments_text: str

    @property
    def arguments(self) -> JsonValue:
        """The arguments, parsed leniently; ``{}`` where there are none, the text itself where it is no JSON."""
        if not self.arguments_text.strip():
            return {}
        try:
            return lenient_json.parse(self.arguments_text)
        except ValueError:
            return self.arguments_text


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered. JSON that is no list of parts (Gemini's ``response``) is one text."""

    id: str | None
    name: str | None
    parts: tuple[Part, ...]
    error: bool = False
    """Whether the wire says that the tool failed. OpenAI's cannot."""

    @property
    def text(self) -> str:
        """The texts of the answer, one below the other."""
        return joined(self.parts)


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound, a video or a document: exactly one of ``uri``, ``file_id`` and ``data`` (base64) is set,
    or none where a redactor or a limit took it."""

    modality: str
    """``image``, ``audio``, ``video`` or ``document``."""
    uri: str | None = None
    file_id: str | None = None
    data: str | None = None
    mime_type: str | None = None
    name: str | None = None
    detail: str | None = None
    """OpenAI's ``detail`` of an image."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's words of refusal, where the provider keeps them apart from what it says."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the model names outside any text; ``value`` as it came."""

    value: JsonObject


@dataclass(frozen=True, slots=True)
class ServerToolCall:
    """A tool that the provider itself ran (web search, code interpreter); ``value`` is the call as it came."""

    id: str | None
    name: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class ServerToolResult:
    """What a tool of the provider's gave; ``value`` as it came."""

    id: str | None
    name: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part of no known kind, kept whole."""

    kind: str
    """What it calls itself, else the name of its JSON type."""
    value: JsonValue


Part: TypeAlias = (
    "Text | Reasoning | ToolCall | ToolResult | Media | Refusal | Citation | ServerToolCall | ServerToolResult"
    " | Unknown"
)


# --- messages and answers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message. A tool's message holds one :class:`ToolResult` and nothing else.

    ``role`` is ``system``, ``developer``, ``user``, ``assistant`` or ``tool``; any other passes as it came.
    """

    role: str
    parts: tuple[Part, ...]
    name: str | None = None
    unread: str | None = None
    """Why the message could not be read, or not wholly; then an :class:`Unknown` holds what there is of it."""
    cut_bytes: int = 0
    """How many bytes a limit took out of the middle of its texts."""
    apart: bool = field(default=False, compare=False)
    """A system message that was given beside the messages (Anthropic's ``system=``, OpenAI's ``instructions=``)."""

    @property
    def text(self) -> str:
        """What it says, without reasoning, calls and results."""
        return joined(self.parts)

    @property
    def reasoning(self) -> str:
        """What was thought before it was said."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Reasoning) and part.text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that it calls."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def tool_result(self) -> ToolResult | None:
        """The answer that a tool's message holds."""
        return next((part for part in self.parts if isinstance(part, ToolResult)), None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens as a server counted them, in lists of one length; None where the server did not give that list."""

    ids: tuple[int, ...] | None = None
    logprobs: tuple[float | None, ...] | None = None
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers that a call asked for (``n`` of them)."""

    message: Message
    finish_reason: str | None = None
    tokens: Tokens | None = None
    """What the model wrote, as tokens."""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that was offered. ``parameters`` is a JSON schema; None where the provider gives none (its own tools)."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    value: JsonObject | None = None
    """The whole definition as it came, of a tool that is no function (the provider's own)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the GenAI conventions define them; None where the producer did not say."""

    input_tokens: int | None = None
    """All that went in, with those from a cache and those written to one."""
    output_tokens: int | None = None
    """All that came out, with reasoning."""
    total_tokens: int | None = None
    cached_tokens: int | None = None
    """Of those that went in: read from a cache."""
    cache_write_tokens: int | None = None
    """Of those that went in: written to a cache."""
    reasoning_tokens: int | None = None
    """Of those that came out: reasoning."""

    @property
    def total(self) -> int:
        """All tokens: as said, else the sum of what went in and what came out."""
        return (
            self.total_tokens if self.total_tokens is not None else (self.input_tokens or 0) + (self.output_tokens or 0)
        )


# --- the call ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """What a limit took out of a call's messages."""

    messages: int = 0
    """Messages that were left out, the oldest first."""
    bytes: int = 0
    """How large, as JSON, what is missing was."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a session a call stands. Empty where nobody said."""

    session: str | None = None
    step: int | None = None
    attempt: int | None = None
    span: str | None = None
    actor: str | None = None
    """``student`` (the agent), ``teacher``, …"""
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model: what it was given, what it answered, what it cost, and what of that is not known.

    ``messages`` is all that the model was given, a system text first, also where the provider takes it apart from the
    messages. Several ``choices`` are several answers to the same messages.
    """

    messages: tuple[Message, ...] = ()
    choices: tuple[Choice, ...] = ()
    tools: tuple[Tool, ...] = ()
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else the model was given: temperature, response_format, tool_choice, …, by the provider's own names."""
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    """The response whose messages the server keeps and puts before these (OpenAI's Responses)."""
    usage: Usage | None = None
    prompt_tokens: Tokens | None = None
    """What the model was given, as tokens, where a server says so."""
    cut: Cut | None = None
    unread: tuple[str, ...] = ()
    """Why something of the call could not be read, beside what messages say themselves."""
    place: Place = Place()

    @property
    def system(self) -> tuple[Part, ...]:
        """The parts of the system message that the call begins with; none where it begins otherwise."""
        first = self.messages[0] if self.messages else None
        return first.parts if first is not None and first.role in ("system", "developer") else ()

    @property
    def answer(self) -> Message | None:
        """The first choice's message."""
        return self.choices[0].message if self.choices else None

    @property
    def marks(self) -> tuple[str, ...]:
        """All that could not be read, or not wholly: of the call and of each of its messages."""
        return self.unread + tuple(one.unread for one in self._all() if one.unread is not None)

    @property
    def cut_bytes(self) -> int:
        """How many bytes are missing: of messages left out, and inside of those that are there."""
        return (self.cut.bytes if self.cut is not None else 0) + sum(one.cut_bytes for one in self._all())

    @property
    def whole(self) -> bool:
        """Whether nothing is missing: all was read, nothing was cut, and it was answered."""
        unknown = any(isinstance(part, Unknown) for one in self._all() for part in one.parts)
        return bool(self.choices) and not (self.marks or self.cut is not None or self.cut_bytes or unknown)

    def _all(self) -> Iterator[Message]:
        yield from self.messages
        for choice in self.choices:
            yield choice.message


def joined(parts: tuple[Part, ...]) -> str:
    """The texts among ``parts``, one below the other."""
    return "\n".join(part.text for part in parts if isinstance(part, Text) and part.text)
