"""What background threads do with each span, as paths for :mod:`benchmarks.hot_path`.

Without a database: how often a client looks for its answer differs from run to run. What is sent to it is made.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.delivery.spool_record import pack_record, unpack_record
from atlas_otel.delivery.spool_segment import checksum_of
from atlas_otel.models.rows import Quiescence
from atlas_otel.postgres import batch, contract_rows, rows
from atlas_otel.postgres.rows_writer import RowsToWrite, change_of
from atlas_otel.projection.project import SessionFold
from atlas_otel.records.record import RANK_ENDED_OTLP, SpanRecord
from benchmarks.cases._runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION: Final = 20
"""Spans of a session: itself, two steps, and nine calls."""
_SESSIONS: Final = 3


def drained() -> Callable[[int], None]:
    """So many spans out of the spool, checked and decoded, merged into one batch, and made rows."""
    packed = [pack_record(span) for number in range(_SESSIONS) for span in _session(number)]
    spooled = [(checksum_of(data), data) for data in packed]

    def path(times: int) -> None:
        taken = islice(cycle(spooled), times)
        records = [unpack_record(data) for checksum, data in taken if checksum_of(data) == checksum]
        made, _ = batch.merged(records)
        keys = dict.fromkeys(made.session_keys, 1)
        assert made.traces
        assert made.owners
        resources = rows.ResourceEncoder()
        for span in made.spans:
            rows.span_to_copy(span, resources, keys[str(span.session_key)])

    return path


def projected() -> Callable[[int], None]:
    """So many spans, in whole sessions of :data:`SESSION`, folded and made rows of the contract's tables."""
    spans = [_session(number) for number in range(_SESSIONS)]

    def path(times: int) -> None:
        for records in islice(cycle(spans), -(-times // SESSION)):
            fold = SessionFold()
            for record in records:
                fold.add(record)
            found = fold.rows(Quiescence.QUIET)
            assert found is not None
            change = change_of(RowsToWrite(1, True, found, None))
            for number, event in enumerate(change.events.appended):
                contract_rows.event_to_copy(number, 1, event)

    return path


def _session(number: int) -> list[SpanRecord]:
    run = Run(number, "background")
    root = run.session()
    spans = []
    for step_number in (1, 2):
        step = run.step(root, step_number)
        spans += [run.model(step) if call % 2 else run.tool(step) for call in range(9 - step_number % 2)]
        spans.append(run.end(step, **{semconv.ATLAS_OUTPUT: run.said(600)}))
    spans.append(run.end(root, **{semconv.ATLAS_OUTPUT: run.said(600)}))
    assert len(spans) == SESSION
    return [span._replace(rank=RANK_ENDED_OTLP) for span in spans]
