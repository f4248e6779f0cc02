"""When a session reads as over: what its records mean while more may come, when it is quiet, and when it is still."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.models.rows import Quiescence, SessionRows
from atlas_otel.projection.project import SessionFold, project
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_ENDED_OTLP,
    RANK_OPEN,
    RANK_REAPED,
    Record,
    RecordSet,
    SpanRecord,
)
from tests.support.records import make_span

T = 1_700_000_000_000_000_000
TRACE = "1" * 32
ASKED = orjson.dumps([{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]).decode()
SAID = orjson.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "So."}]}]).decode()


def span(
    number: int,
    parent: int | None,
    operation: str | None,
    *,
    rank: int = RANK_ENDED_OTLP,
    key: str | None = None,
    kind: str | None = None,
) -> SpanRecord:
    attributes = {semconv.GEN_AI_OPERATION_NAME: operation} if operation else {}
    if operation == "chat":
        attributes |= {semconv.GEN_AI_INPUT_MESSAGES: ASKED, semconv.GEN_AI_OUTPUT_MESSAGES: SAID}
    if key is not None:
        attributes |= {semconv.ATLAS_SESSION_ID: key, semconv.ATLAS_KIND: kind or "function"}
    return make_span(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        session_key=key or implicit_session(TRACE),
        name=f"span {number}",
        kind=kind,
        start_ns=T + number * 1000,
        end_ns=None if rank == RANK_OPEN else T + 100_000 - number * 1000,
        attributes=attributes,
        scope="tests",
        rank=rank,
        version=T + number,
    )


FOREIGN = [span(1, None, "invoke_agent"), span(2, 1, None), span(3, 2, "invoke_agent"), span(4, 3, "chat"),
           span(5, 1, "execute_tool"), span(6, 1, "chat")]  # fmt: skip


def rows(records: list[SpanRecord], quiescence: Quiescence) -> SessionRows:
    found = project(RecordSet(records), quiescence)
    assert found is not None
    return found


def types(found: SessionRows) -> dict[str, set[str]]:
    """By the span that it is: its events' types."""
    held: dict[str, set[str]] = {}
    for event in found.events:
        payload = orjson.loads(event.event)["payload"]
        held.setdefault(payload["UUID"], set()).add(payload["event_type"])
    return held


@given(order=st.permutations(FOREIGN))
def test_a_trace_of_others_runs_until_its_root_is_here_and_it_is_quiet(order: list[SpanRecord]) -> None:
    fold = SessionFold()
    shown: list[dict[str, set[str]]] = []
    here: list[SpanRecord] = []
    for record in order:
        here.append(record)
        fold.add(record)
        found = fold.rows(Quiescence.ACTIVE)
        assert found == project(RecordSet(here), Quiescence.ACTIVE)
        assert found is not None
        assert (found.session.status, found.session.completed_at) == ("running", None)
        assert (found.session.metadata["status"], found.session.metadata["completed_at"]) == ("running", None)
        shown.append(types(found))
        rooted = FOREIGN[0] in here and any(semconv.GEN_AI_OPERATION_NAME in one.attributes for one in here)
        quiet = fold.rows(Quiescence.QUIET)
        assert quiet is not None
        assert (quiet.session.status == "succeeded") == rooted
    final = shown[-1]
    for one in shown:  # no span is shown as what it turns out not to be
        assert one.items() <= final.items()


@given(order=st.permutations(FOREIGN[1:]))
def test_what_is_outermost_is_the_session_once_nothing_is_expected(order: list[SpanRecord]) -> None:
    found = rows(order, Quiescence.EXPIRED)
    assert (found.session.status, found.awaits) == ("succeeded", Quiescence.EXPIRED)
    assert found.session.created_at.timestamp() == pytest.approx((T + 2000) / 1e9)
    assert rows(order, Quiescence.QUIET).session.status == "running"


@given(st.data())
def test_calm_only_ever_ends_a_session_and_a_fold_may_look_at_it_in_any_order(
    any_records: st.SearchStrategy[list[Record]], data: st.DataObject
) -> None:
    records = data.draw(any_records)
    found = [project(RecordSet(records), quiescence) for quiescence in Quiescence]
    for before, after in pairwise(found):
        assert (before is None) == (after is None)
        if before is not None and after is not None and before.session.status != "running":
            assert after == before
    fold = SessionFold()
    for record in records:
        fold.add(record)
        fold.rows(data.draw(st.sampled_from(Quiescence)))
    for quiescence in data.draw(st.lists(st.sampled_from(Quiescence))):
        assert fold.rows(quiescence) == found[quiescence]


@pytest.mark.parametrize(
    ("rank", "awaits", "status"),
    [
        (RANK_OPEN, Quiescence.ACTIVE, "running"),
        (RANK_REAPED, Quiescence.ACTIVE, "failed"),
        (RANK_ENDED_OTLP, Quiescence.QUIET, "running"),
        (RANK_ENDED, Quiescence.ACTIVE, "succeeded"),
    ],
)
def test_what_came_over_otlp_waits_and_what_a_process_recorded_itself_does_not(
    rank: int, awaits: Quiescence, status: str
) -> None:
    found = rows([span(1, 9, None, rank=rank, key="k", kind="session"), span(2, 1, "chat", key="k")], Quiescence.ACTIVE)
    assert (found.awaits, found.session.status) == (awaits, status)


def test_a_tool_that_began_before_is_not_the_session() -> None:
    """Of a trace whose root never comes: what holds the agent is, and not what a tool is in."""
    found = rows([span(2, 9, "execute_tool"), span(3, 9, None), span(4, 3, "chat")], Quiescence.EXPIRED)
    assert found.session.metadata["agent_name"] == "span 3"


def test_a_session_of_ours_without_its_root_runs_however_still_it_is() -> None:
    assert rows([span(2, 1, "chat", key="k")], Quiescence.EXPIRED).session.status == "running"
