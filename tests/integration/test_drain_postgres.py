"""Journal, drain and the real store together: a real Postgres that is there, away, restarted, frozen, cut off."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atlas_otel import semconv
from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.drain import Drain
from atlas_otel.delivery.journal import Journal, MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN, EventRecord, SpanRecord
from atlas_otel.sdk.exporter import AtlasSpanExporter


class _Proxy:
    """A TCP way to the server that can be shut, opened and frozen."""

    def __init__(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        host, port = str(parts.get("host") or ""), str(parts.get("port") or 5432)
        self._server: object = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        self.port = probe.getsockname()[1]
        probe.close()
        self.url = make_conninfo(url, host="127.0.0.1", port=self.port)

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """As if the server had died: connections break, new ones are refused."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self._links.clear()

    def freeze(self) -> None:
        """As if the server were stopped by SIGSTOP: connections stay and nothing comes."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
            server.connect(self._server)
            self._links += [client, server]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


class _Running:
    def snapshot(self) -> SpanRecord | None:
        return None


class _Pipeline:
    def __init__(self, url: str, journal: Callable[[Accounts], Journal]) -> None:
        self.accounts = Accounts()
        self.journal = journal(self.accounts)
        running = RunningSpans()
        self.drain = Drain(self.journal, self.accounts, lambda: PostgresStore(url), running)
        self.recorder = JournalRecorder(self.journal, self.accounts, self.drain, running)

    def record(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            running = _Running()
            self.recorder.span_started(running, durable=False)
            self.recorder.span_ended(_span(number))
            self.recorder.event(_event(number))


def _span(number: int, text: str = "x") -> SpanRecord:
    start = 1_700_000_000_000_000_000 + number
    kind = "session" if number == 0 else "tool"
    attributes = {
        semconv.ATLAS_SESSION_ID: "5" * 32,
        semconv.ATLAS_KIND: kind,
        semconv.ATLAS_TASK: "a task",
        semconv.ATLAS_INPUT: f'"{text}"',
    }
    parent = None if number == 0 else f"{1:016x}"
    return SpanRecord(
        "1" * 32, f"{number + 1:016x}", parent, "5" * 32, "n", kind, 0, start, start + 5, 0, None, attributes,
        (), (), semconv.SCOPE_NAME, {"service.name": "t"}, RANK_ENDED, start,
    )  # fmt: skip


def _event(number: int) -> EventRecord:
    payload = '{"name":"tick","payload":1}'
    sequence = 1_700_000_000_000_000_000 + number
    return EventRecord("1" * 32, f"{number + 1:016x}", sequence, "5" * 32, semconv.EVENT_ADAPTER, payload)


def _counts(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as connection:
        spans = connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone()
        events = connection.execute("SELECT count(*) FROM atlas_otel.span_events").fetchone()
    assert spans is not None
    assert events is not None
    return spans[0], events[0]


@pytest.fixture(params=["memory", "spool"])
def pipeline(request, tmp_path: Path) -> Iterator[Callable[[str], _Pipeline]]:
    made: list[_Pipeline] = []

    def make(url: str) -> _Pipeline:
        def journal(accounts: Accounts) -> Journal:
            if request.param == "memory":
                return MemoryJournal(accounts)
            return SpoolJournal(accounts, target="t", root=tmp_path / "spool", segment_bytes=256 * 1024)

        made.append(_Pipeline(url, journal))
        return made[-1]

    yield make
    for one in made:
        one.drain.shutdown(5.0)
        assert one.accounts.snapshot().balances


@pytest.fixture
def proxy(database_url: str) -> Iterator[_Proxy]:
    proxy = _Proxy(database_url)
    yield proxy
    proxy.thaw()
    proxy.shut()


def _assert_all_stored(p: _Pipeline, url: str, number: int) -> None:
    assert p.drain.flush(30.0)
    assert _counts(url) == (number, number)
    now = p.accounts.snapshot()
    assert now.balances
    assert (now.spans.stored, now.events.stored) == (number, number)
    assert not now.dropped


def test_records_become_rows_and_the_session_is_projected(pipeline, database_url):
    p = pipeline(database_url)
    p.record(0, 1000)
    _assert_all_stored(p, database_url, 1000)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT task FROM sessions").fetchall() == [("a task",)]


def test_a_session_is_visible_within_a_second_of_its_start(pipeline, database_url):
    p = pipeline(database_url)
    p.record(0, 1)
    assert p.drain.flush(10.0)  # the store is open now: connecting is not what is timed
    opened = _span(0)._replace(
        trace_id="2" * 32,
        session_key="6" * 32,
        rank=RANK_OPEN,
        end_ns=None,
        attributes={**_span(0).attributes, semconv.ATLAS_SESSION_ID: "6" * 32, semconv.ATLAS_TASK: "another"},
    )

    class Session:
        def snapshot(self) -> SpanRecord | None:
            return opened

    session = Session()
    began = time.monotonic()
    p.recorder.span_started(session, durable=True)
    with psycopg.connect(database_url, autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM sessions WHERE task = 'another'").fetchone():
            assert time.monotonic() - began < 3.0, "a second is promised; this machine is slow and shared"
            time.sleep(0.02)


def test_a_server_that_is_down_at_the_start_and_comes_later(pipeline, proxy, database_url):
    p = pipeline(proxy.url)
    p.record(0, 300)
    assert not p.drain.flush(0.5)
    assert p.accounts.snapshot().spans.spooled == 300
    proxy.open()
    _assert_all_stored(p, database_url, 300)


def test_connections_cut_again_and_again_cost_and_double_nothing(pipeline, proxy, database_url):
    proxy.open()
    p = pipeline(proxy.url)
    for round_ in range(8):
        p.record(round_ * 200, 200)
        time.sleep(0.03 * round_)
        proxy.shut()
        time.sleep(0.05)
        proxy.open()
    _assert_all_stored(p, database_url, 1600)


def test_a_frozen_server_neither_holds_up_the_agent_nor_loses_anything(pipeline, proxy, database_url):
    proxy.open()
    p = pipeline(proxy.url)
    p.record(0, 100)
    assert p.drain.flush(10.0)
    proxy.freeze()
    began = time.monotonic()
    p.record(100, 500)
    assert time.monotonic() - began < 2.0
    assert not p.drain.flush(0.5)
    proxy.thaw()
    _assert_all_stored(p, database_url, 600)


def test_shutdown_with_a_frozen_server_is_bounded(pipeline, proxy, database_url):
    proxy.open()
    p = pipeline(proxy.url)
    p.record(0, 10)
    assert p.drain.flush(10.0)
    proxy.freeze()
    p.record(10, 10)
    began = time.monotonic()
    assert not p.drain.shutdown(1.0)
    assert time.monotonic() - began < 3.0
    now = p.accounts.snapshot()
    assert now.balances
    assert now.spans.stored == 10


def test_what_a_process_leaves_open_is_abandoned_once_it_has_ended(pipeline, database_url):
    """With a spool by the next process, which it leaves its files to; with memory by itself, as nobody else knows."""
    p = pipeline(database_url)
    opened = _span(0)._replace(rank=RANK_OPEN, end_ns=None)

    class Session:
        def snapshot(self) -> SpanRecord | None:
            return opened

    session = Session()
    p.recorder.span_started(session, durable=True)
    p.recorder.span_started(late := _Running(), durable=False)
    p.recorder.span_ended(_span(1))
    assert p.drain.shutdown(10.0)
    assert late is not None
    now = p.accounts.snapshot()
    assert now.balances
    assert (now.spans.stored, now.spans.open) == (1, 1)
    if p.journal.durable:
        p.journal._owner.close()  # as its process' end does
        following = pipeline(database_url)
        following.drain.wake()
    deadline = time.monotonic() + 20
    with psycopg.connect(database_url, autocommit=True) as connection:
        while (found := connection.execute("SELECT status, metadata->>'failure' FROM sessions").fetchone())[
            0
        ] != "failed":
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
    assert "abandoned" in found[1]


def test_a_missing_table_is_no_loss(pipeline, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE atlas_otel.span_events RENAME TO elsewhere")
        p = pipeline(database_url)
        p.record(0, 20)
        assert not p.drain.flush(1.0)
        assert p.accounts.snapshot().spans.spooled == 20
        connection.execute("ALTER TABLE atlas_otel.elsewhere RENAME TO span_events")
    _assert_all_stored(p, database_url, 20)


def test_a_server_out_of_connections_is_waited_for(pipeline, database_url, admin):
    name = conninfo_to_dict(database_url)["dbname"]
    role = f"writer_of_{name}"  # roles are the server's, which other tests use at the same time
    admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    admin.execute(f'CREATE ROLE "{role}" LOGIN')
    admin.execute(f'GRANT ALL ON DATABASE "{name}" TO "{role}"')
    with psycopg.connect(database_url, autocommit=True) as connection:
        for schema in ("public", "atlas_otel"):
            connection.execute(f'GRANT ALL ON SCHEMA {schema} TO "{role}"')
            for what in ("TABLES", "SEQUENCES"):
                connection.execute(f'GRANT ALL ON ALL {what} IN SCHEMA {schema} TO "{role}"')
    try:
        p = pipeline(make_conninfo(database_url, user=role))
        p.record(0, 20)
        assert not p.drain.flush(1.0)
        admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
        _assert_all_stored(p, database_url, 20)
        p.drain.shutdown(5.0)
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f'DROP OWNED BY "{role}"')
        admin.execute(f'DROP ROLE "{role}"')


def test_two_pipelines_write_one_session(pipeline, database_url):
    first, second = pipeline(database_url), pipeline(database_url)
    threads = [
        threading.Thread(target=first.record, args=(0, 500)),
        threading.Thread(target=second.record, args=(500, 500)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.drain.flush(30.0)
    assert second.drain.flush(30.0)
    assert _counts(database_url) == (1000, 1000)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads, 3.12+
def test_a_fork_with_a_live_connection_harms_neither_side(pipeline, database_url):
    p = pipeline(database_url)
    p.record(0, 100)
    assert p.drain.flush(10.0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            p.record(1000, 100)
            assert p.drain.flush(20.0)
            assert p.drain.shutdown(5.0)
            assert p.accounts.snapshot().spans.stored == 100
            code = 0
        finally:
            os._exit(code)
    p.record(100, 100)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert p.drain.flush(10.0)
    p.record(200, 100)
    assert p.drain.flush(10.0)
    assert _counts(database_url) == (400, 400)
    assert p.accounts.snapshot().spans.stored == 300


# --- the exporter -----------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch, tmp_path: Path, database_url: str) -> None:
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))


@pytest.mark.usefixtures("environment")
def test_the_exporter_stores_agents_and_models_spans_of_any_provider(database_url):
    exporter = AtlasSpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("some.framework")
    for number in range(50):
        tracer.start_span("chat", context=Context(), attributes={"gen_ai.request.model": f"m{number}"}).end()
        tracer.start_span("GET /", context=Context()).end()
    stamped = baggage.set_baggage(semconv.ATLAS_SESSION_ID, "7" * 32, Context())
    tracer.start_span("tool", context=stamped, attributes={semconv.ATLAS_SESSION_ID: "7" * 32}).end()
    provider.force_flush()
    assert exporter.force_flush(20_000)
    assert _counts(database_url)[0] == 51
    provider.shutdown()
    assert exporter.failed == 0
    assert exporter.export([]) is SpanExportResult.FAILURE, "it is shut down"


def test_the_exporter_without_a_database_fails_says_so_once_and_counts(monkeypatch, caplog):
    monkeypatch.delenv("ATLAS_OTEL_DATABASE_URL", raising=False)
    exporter = AtlasSpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("t").start_span("chat", attributes={"gen_ai.system": "x"})
    span.end()
    for _ in range(3):
        assert exporter.export([span]) is SpanExportResult.FAILURE
    assert exporter.failed == 3
    assert len(caplog.records) == 1
    assert "ATLAS_OTEL_DATABASE_URL" in caplog.text
    exporter.shutdown()


@pytest.mark.usefixtures("environment")
def test_the_sdk_finds_the_exporter_by_its_name(database_url):
    program = textwrap.dedent("""
        from importlib.metadata import entry_points
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        (point,) = entry_points(group="opentelemetry_traces_exporter", name="atlas")
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(point.load()()))
        provider.get_tracer("t").start_span("chat", attributes={"gen_ai.request.model": "m"}).end()
    """)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert _counts(database_url)[0] == 1, "stored by the provider's own shutdown at exit"


# --- the end of the process -------------------------------------------------------------------------------------------

_PROGRAM = """
import os, signal, sys, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_drain_postgres as here
from atlas_otel.delivery.spool import SpoolJournal
p = here._Pipeline({url!r}, lambda accounts: SpoolJournal(accounts, target="t", root=Path({root!r})))
p.record(0, 100)
{ending}
"""


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(0)",
        "os._exit(0)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)",
        "raise SystemExit(3)",
        "p.drain.flush(10.0); p.record(100, 50); os._exit(0)",
    ],
)
def test_however_a_process_ends_the_next_one_stores_what_it_recorded(ending, database_url, tmp_path):
    program = _PROGRAM.format(tests=str(Path(__file__).parent), url=database_url, root=str(tmp_path), ending=ending)
    subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    number = 150 if "50" in ending else 100
    accounts = Accounts()
    running = RunningSpans()
    journal = SpoolJournal(accounts, target="t", root=tmp_path, adopt_every_s=0.1)
    drain = Drain(journal, accounts, lambda: PostgresStore(database_url), running)
    drain.wake()
    deadline = time.monotonic() + 20
    while _counts(database_url) != (number, number):
        assert time.monotonic() < deadline, _counts(database_url)
        time.sleep(0.05)
    drain.shutdown(5.0)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_child_of_multiprocessing_stores_what_it_has_in_memory_before_it_leaves(way, database_url, tmp_path):
    """It leaves by os._exit, without atexit."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import multiprocessing, sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_drain_postgres as here
        from atlas_otel.delivery.journal import MemoryJournal

        def child():
            global p
            if p is None:
                p = here._Pipeline({database_url!r}, MemoryJournal)
            p.record(100, 1)
            assert p.drain.flush(20.0)  # connected: the 2 s at its end are for storing only
            p.record(101, 49)

        p = None
        if __name__ == "__main__":
            p = here._Pipeline({database_url!r}, MemoryJournal)
            p.record(0, 100)
            process = multiprocessing.get_context({way!r}).Process(target=child)
            process.start()
            process.join()
            assert p.drain.shutdown(10.0)
        """)
    )
    subprocess.run([sys.executable, str(program)], check=True, timeout=60)
    assert _counts(database_url) == (150, 150)
