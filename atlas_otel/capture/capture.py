"""Any value → bounded, redacted, valid JSON: what a span may carry. Never harms the agent.

The common case, a value of plain built-in types within the limits and no redactor, is one look at the value and one
call of orjson. All else takes the careful way: a tree (:mod:`~atlas_otel.capture.normalise`), redacted
(:mod:`~atlas_otel.capture.redaction`), then bounded (:mod:`~atlas_otel.capture.bounding`). Redaction comes first: half
a key at a cut would not be recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.capture import allowlist
from atlas_otel.capture.bounding import bound_strings, bound_text_as_json, strings_fit
from atlas_otel.capture.message_bounding import bound_foreign, bound_messages, bound_value, is_messages
from atlas_otel.capture.normalise import is_plain, to_tree
from atlas_otel.capture.otel_values import fits_otel, normal, signed
from atlas_otel.capture.redaction import BUDGET_S, FAILED, LOSS_FAILED, Guard, build_redactor
from atlas_otel.capture.stream_items import StreamItems
from atlas_otel.capture.truncation import bound_text
from atlas_otel.capture.value_forms import clean, describe
from atlas_otel.events.forms import is_id, is_name, is_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.capture.normalise import Normalised
    from atlas_otel.capture.redaction import Redactor
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.record import AttributeValue
    from atlas_otel.settings import Settings

LOSS_CAPTURE: Final = "capture_failed"
"""Counted for each value, or part of one, that could only be described, because reading it raised."""

_LEAST_BUDGET: Final = 65_536
"""Bytes of a value that are read, however little of them may be kept."""
_LONG_TEXT: Final = 8 * 1_048_576
"""Characters: a longer text is cut before it is encoded."""
_BACKSLASH: Final = ord("\\")
_NUL: Final = b"\\u0000"  # as orjson writes it; searched from the end, which Python does in half the time

_OURS: Final = "atlas."
"""How the attributes that we write ourselves begin."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept. A marker in the value says what was cut, and how large it was."""

    max_string_bytes: int = 65_536
    """Bytes of UTF-8 of one string."""
    max_value_bytes: int = 1_048_576
    """Bytes of the JSON text of one value; 160 at least."""
    redactor_seconds: float = BUDGET_S
    """Seconds that a redactor may take for one value before later ones are withheld."""


class Captured(NamedTuple):
    """A value as JSON text in UTF-8; by how many bytes bounding made it shorter (0: it is whole); and the types in it
    of which nothing is kept but their names."""

    data: bytes
    truncated: int
    described: tuple[str, ...] = ()

    @property
    def json(self) -> str:
        """The text."""
        return self.data.decode()


def with_types(known: object, more: tuple[str, ...]) -> list[str]:
    """What ``atlas.described`` says of a span: the types ``known`` already, and ``more``."""
    return list(dict.fromkeys([*(known if isinstance(known, list) else ()), *more]))


def _ignore(cause: str) -> None:
    """Count nothing."""


class Capture:
    """Turns values into what may be kept of them. One serves all threads of a process.

    ``on_loss`` is called with a cause (``capture_failed``, ``redaction_failed``, ``redaction_withheld``) for each loss;
    it must not raise.
    """

    def __init__(
        self,
        limits: Limits = Limits(),
        *,
        content: bool = True,
        redactor: Redactor | None = None,
        on_loss: Callable[[str], None] | None = None,
    ) -> None:
        self.limits = limits
        self.content = content
        self._on_loss = on_loss or _ignore
        self._guard = Guard(redactor, self._on_loss, limits.redactor_seconds) if redactor is not None else None
        self.redacts = not content or redactor is not None
        """Whether what others recorded, and what names say, has to be cleaned before it may be passed on."""
        self._plain = self._guard is None
        self._string_bytes = limits.max_string_bytes
        self._value_bytes = limits.max_value_bytes
        self._short = min(limits.max_string_bytes, limits.max_value_bytes)
        # A redactor sees a text before it is cut; and to cut short ones at once would save nothing.
        self._cuts = self._plain and limits.max_string_bytes >= _LEAST_BUDGET
        # Twice what is kept, so that there is a choice.
        self._budget = max(2 * limits.max_value_bytes, _LEAST_BUDGET)

    @classmethod
    def from_settings(cls, settings: Settings, *, on_loss: Callable[[str], None] | None = None) -> Capture:
        """The capture that ``settings`` ask for. ``on_loss`` is called with the cause of every value that was lost.

        Raises ConfigError where ``settings.redact`` names no pattern of ours.
        """
        limits = Limits(settings.max_string_bytes, settings.max_value_bytes, settings.redactor_seconds)
        redactor = build_redactor(settings.redact)
        return cls(limits, content=settings.capture_content, redactor=redactor, on_loss=on_loss)

    def value(self, value: object, where: str) -> Captured | None:
        """``value`` as JSON within the limits; None where content is not captured. ``where``: its attribute."""
        if not self.content:
            return None
        if self._plain:
            try:
                data = _plain_json(value)
                if data is not None:
                    if len(data) <= self._short or self._within(value, len(data)):
                        return Captured(data, 0)
                    return self._cut_plain(value, data)
            except Exception:  # noqa: S110 — orjson refused it, or it changed meanwhile: the careful way has an answer
                pass
        try:
            return self._carefully(value, where)
        except Exception:
            # Something not foreseen (or the caller's stack is all but used up): the agent goes on, and it is counted.
            return Captured(self._last_resort(value), 0)

    def stream_items(self, *, for_reducer: bool) -> StreamItems:
        """What is to keep the items of a stream."""
        return StreamItems(for_reducer=for_reducer, opaque=self._plain)

    def plain(self, value: object) -> bytes | None:
        """The JSON of a value of plain built-in types, whole, where nothing is to be redacted; None for any other. May
        raise what orjson does."""
        return _plain_json(value) if self._plain and self.content else None

    def unbounded(self, value: object, where: str) -> Captured | None:
        """``value`` as JSON, normalised and redacted but whole; None where content is not captured."""
        if not self.content:
            return None
        try:
            data = _plain_json(value) if self._plain else None
            if data is not None:
                return Captured(data, 0)
        except Exception:  # noqa: S110 — as in value()
            pass
        try:
            read = to_tree(value, opaque=self._plain)
            return Captured(orjson.dumps(self._cleared(read, where)), read.omitted, read.described)
        except Exception:  # as in value()
            return Captured(self._last_resort(value), 0)

    def text(self, value: str, where: str) -> str | None:
        """Plain text, normalised, redacted and within the limit of a string; None where content is not captured."""
        if not self.content:
            return None
        try:
            return bound_text(self.redacted(value, where), self._string_bytes)
        except Exception:  # ``value`` is no string, say
            self._on_loss(LOSS_CAPTURE)
            return describe(value)

    def name(self, value: str, otherwise: str) -> str:
        """A name that a program gave: redacted; where content is off, ``otherwise`` for one that has no name's form."""
        kept = self.text(value, semconv.ATLAS_NAME)
        if kept is not None:
            return kept
        return value if is_name(value) else otherwise

    def type_name(self, value: str) -> str:
        """The name of an error's class; one that has not a type's form is content, as any text is."""
        if is_type(value):
            return value
        kept = self.text(value, semconv.EXCEPTION_TYPE)
        return kept if kept is not None else "error"

    def facts(self, attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
        """What is kept of what a value says of itself (the model that answered): as of any attribute, within limits."""
        return self.bounded(self.attributes(attributes, "span"))

    def redacted(self, value: str, where: str) -> str:
        """Plain text, normalised and redacted but whole, whether content is captured or not."""
        text = clean(value)
        return text if self._guard is None else self._guard.text(text, where)

    def attributes(self, attributes: Mapping[str, AttributeValue], where: str) -> dict[str, AttributeValue]:
        """What is kept of a foreign span's or event's attributes: redacted; only the allowlist where content is off."""
        try:
            if not self.content:
                return allowlist.permitted(attributes)
            held = dict(attributes)
            if self._plain:
                return held if fits_otel(held) else {clean(key): normal(value) for key, value in held.items()}
            return self._redacted_attributes(held, where)
        except Exception:
            self._on_loss(LOSS_CAPTURE)
            return {}

    def bounded(self, attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
        """Attributes of a foreign span or event, each within the limits.

        Ours were bounded where they were captured, or are whole on purpose (pushed steps): they stay as they came.
        """
        kept = {
            key: value if key.startswith(_OURS) else self._bounded_attribute(value) for key, value in attributes.items()
        }
        return kept if any(kept[key] is not value for key, value in attributes.items()) else attributes

    def bounded_text(self, text: str) -> str:
        """A foreign text within the limits: cut from within where it is JSON, as messages and arguments are."""
        if len(text) * 4 <= self._short:
            return text
        cut = self._bounded_json(text)
        return cut if cut is not None else bound_text(text, self._string_bytes)

    def bounded_json(self, text: str) -> str:
        """A text that should be JSON within the limits; where it cannot be cut from within, as a JSON string."""
        if len(text) * 4 <= self._short:
            return text
        cut = self._bounded_json(text)
        return cut if cut is not None else orjson.dumps(bound_text(text, self._string_bytes)).decode()

    def _bounded_json(self, text: str) -> str | None:
        """None where ``text`` is no JSON, or deeper than can be walked."""
        if text.lstrip()[:1] not in ("{", "[", '"'):
            return None
        try:
            tree = orjson.loads(text)
            cut = bound_foreign(tree, self._string_bytes, self._value_bytes)
        except (ValueError, RecursionError):
            return None
        # Spaces and escapes, as others write them, may be most of it.
        fits = cut is tree and len(text.encode(errors="surrogatepass")) <= self._value_bytes
        return text if fits else orjson.dumps(cut).decode()

    def _bounded_attribute(self, value: AttributeValue) -> AttributeValue:
        if isinstance(value, str):
            return self.bounded_text(value)
        if isinstance(value, (list, tuple, dict)):
            tree = list(value) if isinstance(value, tuple) else value
            cut = bound_foreign(tree, self._string_bytes, self._value_bytes)
            return value if cut is tree else cut
        return value

    def messages(self, messages: list[JsonObject], where: str) -> Captured | None:
        """Messages (JSON) within the limit of a value: of too many the oldest are left out, whole; None where content
        is not captured. The limit of one text holds for none of theirs."""
        if not self.content:
            return None
        try:
            data = _plain_json(messages) if self._plain else None
            if data is not None and len(data) <= self._value_bytes:
                return Captured(data, 0)
            tree = self._cleared(to_tree(messages, opaque=self._plain), where)
            whole = orjson.dumps(tree)
            if len(whole) <= self._value_bytes or not is_messages(tree):
                return Captured(whole, 0)
            kept = orjson.dumps(bound_messages(tree, self._value_bytes))
            return Captured(kept, max(len(whole) - len(kept), 1))
        except Exception:  # as in value()
            return Captured(self._last_resort(messages), 0)

    def _redacted_attributes(self, held: Mapping[str, AttributeValue], where: str) -> dict[str, AttributeValue]:
        assert self._guard is not None
        kept: dict[str, AttributeValue] = {}
        for key, value in held.items():
            if key in allowlist.STRUCTURE and is_id(value):
                kept[key] = normal(value)
                continue
            tree = self._guard.tree({clean(key): to_tree(value, opaque=False).tree}, where)
            assert isinstance(tree, dict)
            kept.update((name, signed(item)) for name, item in tree.items())
        return kept

    def _cleared(self, read: Normalised, where: str) -> JsonValue:
        """The normalised tree, redacted."""
        for _ in range(read.failures):
            self._on_loss(LOSS_CAPTURE)
        if self._guard is None:
            return read.tree
        try:
            return self._guard.tree(read.tree, where)
        except Exception:  # a tree that could not be walked to its end is not known to be clean
            self._on_loss(LOSS_FAILED)
            return FAILED

    def _carefully(self, value: object, where: str) -> Captured:
        """Any value, as far as its budget goes. What was never read counts as a byte each."""
        read = to_tree(value, budget=self._budget, string_bytes=self._string_bytes, cut=self._cuts, opaque=self._plain)
        tree = self._cleared(read, where)
        data = orjson.dumps(tree)
        if len(data) <= self._short:
            return Captured(data, read.omitted, read.described)
        # Texts that were cut as they were read are not looked at again.
        fits = bound_value(tree if self._cuts else bound_strings(tree, self._string_bytes), self._value_bytes)
        if fits is tree:
            return Captured(data, read.omitted, read.described)
        kept = orjson.dumps(fits)
        return Captured(kept, max(len(data) - len(kept), 1) + read.omitted, read.described)

    def _within(self, value: object, size: int) -> bool:
        """Whether a plain value, whose JSON has ``size`` bytes, is within the limits."""
        if size > self._value_bytes:
            return False
        return size <= self._string_bytes or strings_fit(value, self._string_bytes)

    def _cut_plain(self, value: object, whole: bytes) -> Captured:
        """A plain value over the limits, ``whole`` as JSON. Mostly a few strings are too long, and nothing else."""
        if len(whole) > self._budget:
            kept = self._carefully(value, "")
            return kept._replace(truncated=max(len(whole) - len(kept.data), 1))
        data = orjson.dumps(bound_strings(value, self._string_bytes, bound_text_as_json))
        if len(data) > self._value_bytes:
            tree = orjson.loads(whole)
            cut = bound_value(bound_strings(tree, self._string_bytes), self._value_bytes)
            if cut is tree:  # a number: shorter than a limit can be
                return Captured(whole, 0)
            data = orjson.dumps(cut)
        return Captured(data, max(len(whole) - len(data), 1))

    def _last_resort(self, value: object) -> bytes:
        self._on_loss(LOSS_CAPTURE)
        return orjson.dumps(describe(value))


def _plain_json(value: object) -> bytes | None:
    """The JSON of a value of plain built-in types, which is normalised as it is; None for any other. May raise what
    orjson does."""
    if not (len(value) <= _LONG_TEXT if type(value) is str else is_plain(value)):
        return None
    data = orjson.dumps(value)
    return None if holds_nul(data) else data


def holds_nul(data: bytes) -> bool:
    """Whether orjson wrote a NUL into ``data``, or perhaps did."""
    return _BACKSLASH in data and data.rfind(_NUL) >= 0
