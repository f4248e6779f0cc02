"""The task that every decorator is given: a dict argument, a 1 KB text as result; and the raw span beside it.

Used in each peer's own environment too: imports nothing but OpenTelemetry's SDK.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

Argument = dict[str, Any]

_SENTENCE: Final = "the agent looks for open tickets of last week and finds “three”, none of them urgent\n"
ARGUMENT: Final[Argument] = {
    "query": "open tickets of last week",
    "limit": 5,
    "filters": {"team": "desk", "open": True},
}


def text(size: int, seed: int = 7) -> str:
    """Words of so many characters."""
    chance = random.Random(seed)  # the same each time
    known = _SENTENCE.split(" ")
    words: list[str] = []
    length = 0
    while length < size:
        words.append(chance.choice(known))
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


MARK: Final = "found-7f3c"
"""The word that the result begins with: who holds it has captured the result."""
RESULT: Final = f"{MARK} {text(1024 - len(MARK) - 1)}"


def messages(size: int) -> Argument:
    """An argument that holds a conversation of about ``size`` bytes of JSON, 1 KB a message."""
    roles = ("user", "assistant")
    conversation = [{"role": roles[i % 2], "content": text(980, i)} for i in range(max(1, round(size / 1024)))]
    return {"messages": conversation, "temperature": 0.2}


def holds_task(recorded: str) -> bool:
    """Whether what was recorded holds the argument and the result."""
    return MARK in recorded and str(ARGUMENT["query"]) in recorded


class Counting(SpanExporter):
    """Sends nothing, and counts what it was given."""

    def __init__(self) -> None:
        self.spans = 0
        self.samples: list[ReadableSpan] = []
        """One of each batch, looked at when nothing is measured any more."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count them."""
        self.spans += len(spans)
        self.samples.extend(spans[:1])
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do."""

    def whole(self) -> bool:
        """Whether the samples hold the task's argument and result."""
        return bool(self.samples) and all(holds_task(str(dict(one.attributes or {}))) for one in self.samples)


class Raw:
    """What OpenTelemetry itself costs: a span held current, six attributes, a batch processor that exports nothing."""

    def __init__(self) -> None:
        self.exporter = Counting()
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
        self.tracer: Tracer = self.provider.get_tracer("raw")

    def exported(self) -> int:
        """How many spans reached the exporter, once all have been sent."""
        self.provider.force_flush()
        return self.exporter.spans

    def sync_call(self, encode: Callable[[object], str] | None = None) -> Callable[[Argument], str]:
        """The task under a raw span. ``encode``: one of the attributes is the argument as JSON."""
        tracer = self.tracer

        def plain(argument: Argument) -> str:
            with tracer.start_as_current_span("execute_tool search") as span:
                span.set_attribute("gen_ai.operation.name", "execute_tool")
                span.set_attribute("gen_ai.tool.name", "search")
                span.set_attribute("session", "7f3c")
                span.set_attribute("step", 3)
                span.set_attribute("attempt", 1)
                span.set_attribute("ok", True)
                return RESULT

        if encode is None:
            return plain

        def encoding(argument: Argument) -> str:
            with tracer.start_as_current_span("execute_tool search") as span:
                span.set_attribute("gen_ai.operation.name", "execute_tool")
                span.set_attribute("gen_ai.tool.name", "search")
                span.set_attribute("session", "7f3c")
                span.set_attribute("step", 3)
                span.set_attribute("attempt", 1)
                span.set_attribute("argument", encode(argument))
                return RESULT

        return encoding

    def async_call(self) -> Callable[[Argument], Awaitable[str]]:
        """The same, as a coroutine function."""
        tracer = self.tracer

        async def plain(argument: Argument) -> str:
            with tracer.start_as_current_span("execute_tool search") as span:
                span.set_attribute("gen_ai.operation.name", "execute_tool")
                span.set_attribute("gen_ai.tool.name", "search")
                span.set_attribute("session", "7f3c")
                span.set_attribute("step", 3)
                span.set_attribute("attempt", 1)
                span.set_attribute("ok", True)
                return RESULT

        return plain
