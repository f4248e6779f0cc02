"""Captured texts that stay UTF-8 until they are read: whoever reads them gets text."""

from __future__ import annotations

import orjson
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.journal import MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.records.utf8 import NEVER, keep, least, text_of, texts_of
from atlas_otel.sdk.own_provider import make_provider
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.tracing import state
from atlas_otel.view.undone import as_recorded

LONG = "“three” tickets\n" * 512


class _Asleep:
    def wake(self) -> None:
        """Nobody drains."""


class _Exported:
    def __init__(self) -> None:
        self.spans = []

    def on_end(self, span) -> None:
        self.spans.append(span)


@pytest.fixture(params=["memory", "spool"])
def journal(request, tmp_path):
    accounts = Accounts()
    made = MemoryJournal(accounts) if request.param == "memory" else SpoolJournal(accounts, target="t", root=tmp_path)
    yield made
    made.close()


@pytest.fixture
def running() -> RunningSpans:
    return RunningSpans()


@pytest.fixture
def parts(journal, running):
    own = make_provider("test")
    before = state.install(
        state.Instrumentation(
            tracer=own.get_tracer("test"),
            recorder=JournalRecorder(journal, Accounts(), _Asleep(), running),
            own=own,
            utf8_over=least(durable=journal.durable),
            records=True,
        )
    )
    yield own
    state.install(before)


@atlas.tool
def look(text: str) -> str:
    return text


def _taken(journal):
    batch = journal.take(1_000, 1 << 30)
    return {record.name: record for record in batch.records} if batch is not None else {}


def test_a_short_text_is_text_a_long_one_waits():
    for durable in (False, True):
        over = least(durable=durable)
        assert keep(b"x" * over, over) == "x" * over
        assert keep(b"x" * (over + 1), over) == b"x" * (over + 1)
    assert keep(b"x", NEVER) == "x"
    assert text_of("é".encode()) == "é"
    assert text_of(5) == 5
    plain = {"a": "x", "b": 1}
    assert texts_of(plain) is plain
    assert texts_of({"a": b"x", "b": 1}) == {"a": "x", "b": 1}


def test_what_a_journal_gives_out_is_text(journal, parts):
    look(LONG)
    record = _taken(journal)["execute_tool look"]
    assert orjson.loads(record.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]) == {"text": LONG}
    assert record.attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == orjson.dumps(LONG).decode()


def test_what_is_seen_of_a_running_span_is_text(journal, parts, running):
    seen = []

    @atlas.tool
    def watched(text: str) -> None:
        seen.extend([*running.look(), *running.look()])

    watched(LONG)
    assert [span.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] for span in seen] == [
        orjson.dumps({"text": LONG}).decode()
    ]


def test_what_is_exported_is_text(journal, parts):
    exported = _Exported()
    parts.add_own(exported, take=lambda ended: exported.on_end(ended.readable()))
    look(LONG)
    assert exported.spans[0].attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == orjson.dumps(LONG).decode()


def test_where_somebody_else_looks_it_is_text(journal, parts):
    exporter = InMemorySpanExporter()
    parts.add_span_processor(SimpleSpanProcessor(exporter))
    look(LONG)
    for attributes in (exporter.get_finished_spans()[0].attributes, _taken(journal)["execute_tool look"].attributes):
        assert orjson.loads(attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS]) == {"text": LONG}
        assert as_recorded(attributes)[semconv.GEN_AI_TOOL_CALL_RESULT] == orjson.dumps(LONG).decode()
    assert exporter.get_finished_spans()[0].attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == LONG


def test_what_subscribers_hear_is_text(journal, parts):
    heard, before = [], state.absorbed_counts()
    manager = IntermediateStepManager()
    subscription = manager.subscribe(heard.append)
    look(LONG)
    subscription.unsubscribe()
    assert [step.data.output for step in heard] == [None, LONG]
    assert state.absorbed_counts() == before
