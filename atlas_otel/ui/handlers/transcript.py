"""One session: its head, its skeleton, its spans on demand, its raw record and its training lines."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.postgres.statements import statement
from atlas_otel.records.exact_json import load_object
from atlas_otel.review.store import read_events, training_marks
from atlas_otel.ui import skeleton as skeletons
from atlas_otel.ui import span_detail
from atlas_otel.ui.asking import File, Refused, Tagged, missing
from atlas_otel.ui.call_view import call_view
from atlas_otel.ui.operations import API
from atlas_otel.ui.reading import session_number, stored_session
from atlas_otel.ui.review_state import state
from atlas_otel.ui.session_head import json_of, reward, steps
from atlas_otel.ui.session_list import item, read_rows
from atlas_otel.ui.shapes import transcript as shapes
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import review_statuses
from atlas_otel_exporters.stored import StoredEvent
from atlas_otel_exporters.training.recorded import read_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.ui.asking import Answered, Ask
    from atlas_otel.ui.session_list import Row
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.turn import Turn

_PACKAGE: Final = "atlas_otel.ui"
_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_MAX_FILE: Final = 256 * 1024 * 1024


def _row(ask: Ask) -> Row:
    number = session_number(ask.connection, ask.path["session"])
    rows = read_rows(ask.connection, [number])
    if not rows:
        raise missing(f"there is no session {number}")
    return rows[0]


def _head(ask: Ask, number: int) -> StoredSession:
    """The session's rows, without its events."""
    with (
        open_reader(ask.options.database_url) as reader,
        reader.snapshot(),
        closing(reader.sessions_numbered([number], event_limit=0)) as sessions,
    ):
        for session in sessions:
            return session
    raise missing(f"there is no session {number}")


def session(ask: Ask) -> Tagged:
    """One session without its spans' payloads."""
    row = _row(ask)
    stored = _head(ask, row.id)
    metadata = load_object(stored.metadata)
    spans = {
        (step, attempt): uuid
        for step, attempt, uuid in ask.connection.execute(statement("attempt_spans", _PACKAGE), {"id": row.id})
    }
    traces = _traces(metadata)
    needed = ask.options.rubric.verdicts
    error = metadata.get("error")
    found = shapes.Session(
        item=item(row, needed),
        revision=row.revision,
        task=stored.task or "",
        final_answer=stored.final_answer or "",
        error=_error(error),
        plan_mode=_text(load_object(stored.plan).get("execution_mode")),
        steps=steps(stored, spans),
        reward=reward(json_of(stored.reward), load_object(stored.reward_stats)),
        metadata=metadata,
        student_learning=stored.student_learning,
        teacher_learning=stored.teacher_learning,
        trace_ids=traces,
        links=_links(ask, traces),
        review=state(row, read_events(ask.connection, [row.id]).get(row.id, []), needed),
        projection_error=row.projection_error,
    )
    return Tagged(row.revision, found)


def _traces(metadata: JsonObject) -> list[str]:
    named = metadata.get("trace_ids")
    one = metadata.get("trace_id")
    found = [*(named if isinstance(named, list) else []), one]
    return list(dict.fromkeys(trace for trace in found if isinstance(trace, str) and _TRACE.fullmatch(trace)))


def _links(ask: Ask, traces: list[str]) -> shapes.Links:
    base = ask.options.jaeger_url
    return shapes.Links(jaeger=f"{base}/trace/{traces[0]}" if base and traces else None)


def skeleton(ask: Ask) -> Tagged:
    """All spans, without payloads."""
    row = _row(ask)
    events = skeletons.read_events(ask.connection, row.id)
    return Tagged(row.revision, skeletons.skeleton(events, row.revision))


def span(ask: Ask) -> Tagged:
    """One span with its payload."""
    row = _row(ask)
    events = _span_events(ask, row.id)
    ends = span_detail.ends_of(events)
    said = ends.metadata
    kind, _, _ = (events[0].event_type or "").rpartition("_")
    named = said.get("kind")
    at, ended = span_detail.moment(ends.start or ends.end), span_detail.moment(ends.end)
    if ends.start is None:
        at = span_detail.moment(ends.end, "span_event_timestamp") or at
    base = f"{API}/sessions/{row.id}/spans/{quote(ask.path['span'], safe='')}/payloads"
    view = _call(ask, row, events) if kind == "LLM" else None
    large = view is not None and len(orjson.dumps(view.model_dump(mode="json"))) > span_detail.MAX_SHOWN
    trace = _text(said.get("trace_id"))
    found = shapes.SpanDetail(
        revision=row.revision,
        id=ask.path["span"],
        span_id=_text(said.get("span_id")),
        trace_id=trace,
        kind=named if named in skeletons.SPAN_KINDS else skeletons.KINDS.get(kind, "custom"),  # type: ignore[arg-type]
        name=_text((ends.start or ends.end or {}).get("name")) or "",
        status="running" if ends.end is None else "failed" if said.get("status") == "failed" else "succeeded",
        started_at=at,
        duration_ms=None if at is None or ended is None else round((ended - at).total_seconds() * 1000, 3),
        input=span_detail.payload(ends.part("input"), f"{base}/input"),
        output=span_detail.payload(ends.part("output"), f"{base}/output"),
        error=span_detail.error_of(ends),
        call=None if large else view,
        call_download=f"{base}/call" if large else None,
        facts=span_detail.facts_of(ends),
        links=_links(ask, [trace] if trace is not None and _TRACE.fullmatch(trace) else []),
    )
    return Tagged(row.revision, found)


def payload(ask: Ask) -> File:
    """A payload as a file."""
    row = _row(ask)
    events = _span_events(ask, row.id)
    part = ask.path["part"]
    if part == "record":
        return File("record.jsonl", b"".join(one.event + b"\n" for one in events))
    if part == "call":
        view = _call(ask, row, events)
        if view is None:
            raise missing(f"{ask.path['span']} is no model call")
        return File("call.json", orjson.dumps(view.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    if part not in ("input", "output"):
        raise missing("a payload is input, output, call or record")
    text, is_json = span_detail.text_of(span_detail.ends_of(events).part(part))
    return File(f"{part}.{'json' if is_json else 'txt'}", text.encode("utf-8", "replace"))


def _span_events(ask: Ask, number: int) -> list[StoredEvent]:
    rows = ask.connection.execute(statement("span", _PACKAGE), {"id": number, "span": ask.path["span"]})
    events = [StoredEvent._make(row) for row in rows]
    if not events:
        raise missing(f"session {number} has no span {ask.path['span']}")
    return events


def _call(ask: Ask, row: Row, events: list[StoredEvent]) -> shapes.ModelCallView | None:
    """The call through the reader that exports use, given this span's events alone."""
    turns = read_session(_head(ask, row.id)._replace(events=events)).turns
    if not turns:
        return None
    turn: Turn = turns[0]
    marks = training_marks(ask.connection, [row.id]).get(row.id)
    return call_view(
        turn,
        excluded=marks is not None and turn.span_id in marks.excluded,
        correction=None if marks is None else marks.corrections.get(turn.span_id),
    )


def records(ask: Ask) -> shapes.RawRecords:
    """The raw record, a page of it."""
    row, query = _row(ask), ask.queried(shapes.RecordQuery)
    total = ask.connection.execute(statement("records_total", _PACKAGE), {"id": row.id}).fetchone()
    asked = {"id": row.id, "most": span_detail.MAX_SHOWN, "limit": query.limit, "after": query.after}
    found = ask.connection.execute(statement("records_page", _PACKAGE), asked).fetchall()
    return shapes.RawRecords(
        revision=row.revision,
        total=total[0] if total is not None else 0,
        records=[shapes.RawRecord(kind=kind, name=name, size=size, text=text) for kind, name, size, text in found],
    )


def records_file(ask: Ask) -> File:
    """The raw record as a file of JSON lines."""
    row = _row(ask)
    asked = {"id": row.id, "most": _MAX_FILE, "limit": None, "after": 0}
    content = bytearray()
    for kind, name, _, text in ask.connection.execute(statement("records_page", _PACKAGE), asked):
        content += b'{"kind":' + orjson.dumps(kind) + b',"name":' + orjson.dumps(name) + b',"record":'
        content += (text or "null").encode() + b"}\n"
        if len(content) > _MAX_FILE:
            raise Refused(413, "too_large", "the record is over 256 MB: read it with atlas-otel export")
    return File(f"session-{row.id}.jsonl", bytes(content))


def lines(ask: Ask) -> shapes.Lines:
    """The training lines that come of a session by itself."""
    row, query = _row(ask), ask.queried(shapes.LinesQuery)
    stored = stored_session(ask, row.id)
    writing = format_named(query.format)
    try:
        if writing.reads_twice:
            writing.learn(stored)
        made = list(writing.traced(stored))
    except RecordError as error:
        raise Refused(500, "failed", f"session {row.id} cannot be read: {error}") from None
    wanted = review_statuses()
    taken = wanted is None or (stored.review_status or "").lower() in wanted
    return shapes.Lines(
        revision=row.revision,
        format=query.format,
        exported=taken,
        why_not=None if taken else f"its review status is {stored.review_status}",
        lines=[
            shapes.Line(text=line.decode() if len(line) <= span_detail.MAX_SHOWN else None, size=len(line), spans=spans)
            for line, spans in made
        ],
        left_out=[shapes.LeftOut(reason=reason, count=count) for reason, count in sorted(writing.left_out.items())],
        download=f"{API}/sessions/{row.id}/lines.jsonl?format={query.format}",
    )


def lines_file(ask: Ask) -> File:
    """The training lines as a file."""
    row, query = _row(ask), ask.queried(shapes.LinesQuery)
    stored = stored_session(ask, row.id)
    writing = format_named(query.format)
    if writing.reads_twice:
        writing.learn(stored)
    content = b"".join(line + b"\n" for line, _ in writing.traced(stored))
    return File(f"session-{row.id}-{query.format}.jsonl", content)


def _error(error: object) -> str | None:
    if isinstance(error, dict):
        return ": ".join(str(error[key]) for key in ("type", "message") if error.get(key)) or None
    return error if isinstance(error, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "session": session,
    "skeleton": skeleton,
    "span": span,
    "payload": payload,
    "records": records,
    "recordsFile": records_file,
    "lines": lines,
    "linesFile": lines_file,
}
