"""What is recorded of an exception: its type always, its words and stack where content may be captured."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel import semconv

if TYPE_CHECKING:
    from atlas_otel.capture.capture import Capture
    from atlas_otel.records.record import AttributeValue


class Failure(NamedTuple):
    """An exception as it is recorded. ``message``: the span's; None where its words are not captured."""

    type: str
    message: str | None
    shown: dict[str, AttributeValue]
    """The exception event's attributes."""


def type_of(error: BaseException, capture: Capture) -> str:
    """``module.Class`` of ``error``; ``Class`` alone for built-in ones."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    # A class that is made while the program runs may be called anything.
    return capture.type_name(name) if capture.redacts else name


def describe(error: BaseException, capture: Capture) -> Failure:
    """What is recorded of ``error``."""
    name, said = type_of(error, capture), type(error).__qualname__
    if capture.redacts:
        said = capture.type_name(said)
    words = capture.text(_words(error), semconv.EXCEPTION_MESSAGE)
    stack = capture.text(_stack(error), semconv.EXCEPTION_STACKTRACE)
    shown: dict[str, AttributeValue] = {semconv.EXCEPTION_TYPE: name}
    if words is not None:
        shown[semconv.EXCEPTION_MESSAGE] = words
    if stack is not None:
        shown[semconv.EXCEPTION_STACKTRACE] = stack
    message = None if words is None else f"{said}: {words}" if words else said
    return Failure(name, message, shown)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown: __str__ raised)"


def _stack(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        return ""
