"""What processors that were handed to us see of other instrumentations' spans and of the resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.sdk.redacting_processor import RedactingProcessor

SECRET = "hunter2-planted"
OFF = Capture(content=False)
HIDING = Capture(redactor=lambda text, where: text.replace(SECRET, "[x]"))


class _Guest(SpanProcessor):
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.spans: list[Any] = []

    def _look(self, span: Any) -> None:
        self.spans.append(span)
        self.seen += [
            span.name,
            json.dumps(dict(span.attributes), default=str),
            span.to_json(),
            repr(vars(span).keys()),
        ]
        self.seen += [str(event.name) + str(dict(event.attributes)) for event in span.events]

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._look(span)
        span.set_attribute("guest.mark", 7)
        span.set_attributes({"guest.more": 8})
        span.update_name(f"renamed {span.name}")
        span.add_event("noted")
        assert span.is_recording()
        assert span.get_span_context().span_id == span.context.span_id

    def on_end(self, span: ReadableSpan) -> None:
        self._look(span)


def _run(capture: Capture, scope: str = "other.library", **resource: str) -> tuple[_Guest, ReadableSpan]:
    guest = _Guest()
    provider = TracerProvider(resource=Resource({"service.name": "s", **resource}), shutdown_on_exit=False)
    provider.add_span_processor(RedactingProcessor(guest, capture))
    span = provider.get_tracer(scope).start_span(f"GET /{SECRET}", attributes={"url.full": f"http://x/?k={SECRET}"})
    span.add_event("said", {"text": SECRET})
    span.set_status(2, SECRET)  # type: ignore[arg-type]
    span.end()
    return guest, span  # type: ignore[return-value]


@pytest.mark.parametrize("capture", [OFF, HIDING])
def test_a_planted_secret_is_seen_neither_at_the_start_nor_at_the_end(capture: Capture) -> None:
    guest, span = _run(capture)
    assert len(guest.spans) == 2
    assert SECRET not in "\n".join(guest.seen)
    assert (span.attributes or {})["guest.mark"] == 7, "what it sets is set on the span itself"
    assert span.name.startswith("renamed")
    assert {event.name for event in span.events} == {"noted", "said"}


def test_a_view_kept_by_the_guest_stays_redacted_while_the_span_goes_on() -> None:
    guest, _ = _run(HIDING)
    view = guest.spans[0]
    assert SECRET not in view.to_json()
    assert "[x]" in view.attributes["url.full"]


def test_without_redaction_the_span_itself_is_passed_on() -> None:
    guest, span = _run(Capture())
    assert guest.spans[0] is span


@pytest.mark.parametrize("scope", ["other.library", semconv.SCOPE_NAME])
@pytest.mark.parametrize("capture", [Capture(), OFF, HIDING])
def test_the_command_line_in_the_resource_is_passed_on_by_nobody(capture: Capture, scope: str) -> None:
    guest, _ = _run(capture, scope, **{"process.command_line": SECRET})
    for span in guest.spans:
        assert "process.command_line" not in span.resource.attributes
        assert span.resource.attributes["service.name"] == "s"
