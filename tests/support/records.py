"""Records for tests that only mind a few of their fields."""

from __future__ import annotations

from typing import Any, Final

from atlas_otel.records.record import RANK_ENDED, SpanRecord

_SPAN: Final = SpanRecord(
    trace_id="1" * 32,
    span_id="2" * 16,
    parent_span_id=None,
    session_key=None,
    name="n",
    kind=None,
    span_kind=0,
    start_ns=1,
    end_ns=2,
    status=0,
    status_message=None,
    attributes={},
    events=(),
    links=(),
    scope="s",
    resource={},
    rank=RANK_ENDED,
    version=1,
)


def make_span(**fields: Any) -> SpanRecord:
    """A span that has ended, in process, outside of any session; with these fields instead of its own."""
    return _SPAN._replace(**{"attributes": {}, "resource": {}, **fields})
