"""What goes wrong beside an agent stays beside it: failures injected everywhere, samplers, limits."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def _run(program: str, env: dict[str, str], folder: Path, *, traceback: bool = False) -> tuple[Any, str]:
    """What the program printed as JSON, and what it said on standard error (a traceback only where one is due)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**kept, "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool"), **env},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert traceback or "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout), done.stderr


AGENT = """
import asyncio, json, sys, time
import atlas_otel as atlas
from atlas_otel.tracing import state
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

class Broken(Exception):
    pass

def breaks(*args, **kwargs):
    raise Broken("injected")

@atlas.tool
def add(a, b=None):
    return a if b is None else a + b

@atlas.tool
def fails():
    raise LookupError("its own")

@atlas.llm(model="m")
def words(n):
    for i in range(n):
        yield f"w{i} "

@atlas.llm(model="m")
async def more(n):
    for i in range(n):
        yield i

class Odd:
    __repr__ = __str__ = __iter__ = __len__ = __dict__ = property(breaks)
    def __getattr__(self, name):
        breaks()

async def collect():
    return [x async for x in more(3)]

def agent():
    with atlas.session("a task", name="agent") as s, atlas.step("one") as step:
        odd = Odd()
        got = [add(1, 2), add(odd) is odd, list(words(3)), asyncio.run(collect())]
        try:
            fails()
        except LookupError as error:
            got.append(str(error))
        with trace.get_tracer("other").start_as_current_span("foreign", attributes={"gen_ai.request.model": "m"}):
            pass
        atlas.emit_event("e", {"odd": odd})
        atlas.record_reward(0.5, rationale="r")
        atlas.add_guidance("g")
        atlas.set_validation(True)
        atlas.set_metadata(x=odd)
        step.output = odd
        s.final_answer = "done"
    return got
"""
EXPECTED = [3, True, ["w0 ", "w1 ", "w2 "], [0, 1, 2], "its own"]

FAILURES = {
    "a processor": """
class Guest(SpanProcessor):
    on_start = on_end = shutdown = force_flush = _on_ending = breaks
telemetry = atlas.configure(span_processors=[Guest()])
""",
    "a redactor": "telemetry = atlas.configure(redact=breaks)",
    "a redactor that is slow": """
telemetry = atlas.configure(redact=lambda text, where: time.sleep(0.2) or text)
""",
    "a redactor over the time that a setting gives it": """
import os
os.environ["ATLAS_OTEL_REDACTOR_SECONDS"] = "0.001"
telemetry = atlas.configure(redact=lambda text, where: time.sleep(0.01) or text)
""",
    "a redactor that answers nonsense": "telemetry = atlas.configure(redact=lambda text, where: 7)",
    "an encoder": """
telemetry = atlas.configure()
from atlas_otel.delivery import spool
spool.pack_record = breaks
""",
    "a reducer": """
telemetry = atlas.configure()
def words(n):
    yield from ("w0 ", "w1 ", "w2 ")
words = atlas.llm(model="m", output_reducer=breaks)(words)
""",
    "a recorder": """
telemetry = atlas.configure()
class Recorder:
    span_started = span_ended = span_found = span_forked = event = breaks
from dataclasses import replace
state.install(replace(state.current(), recorder=Recorder()))
""",
    "a subscriber": """
telemetry = atlas.configure()
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.models.intermediate_step import IntermediateStepPayload
manager = IntermediateStepManager()
manager.subscribe(breaks, on_error=breaks, on_complete=breaks)
for kind in ("TOOL_START", "TOOL_END"):
    manager.push_intermediate_step(IntermediateStepPayload(UUID="u", event_type=kind, name="t"))
manager.complete()
""",
    "a store": """
telemetry = atlas.configure()
from atlas_otel.postgres import store
store.PostgresStore.write = breaks
""",
    "a projection": """
telemetry = atlas.configure()
from atlas_otel.postgres import store
store.PostgresStore.project = store.PostgresStore.project_wanted = breaks
""",
}


@pytest.mark.parametrize("where", FAILURES)
def test_an_injected_failure_reaches_nobody(where: str, database_url: str, tmp_path: Path) -> None:
    program = AGENT + FAILURES[where]
    program += "\nanswer = agent()\nflushed = telemetry.flush(2)\ntelemetry.shutdown()\n"
    program += "accounts = telemetry.accounts\n"
    program += "print(json.dumps([answer, accounts.balances, state.absorbed_counts(), dict(accounts.absorbed)]))\n"
    found, said = _run(program, {"ATLAS_OTEL_DATABASE_URL": database_url}, tmp_path)
    answer, balances, *counted = found
    assert answer == EXPECTED
    assert balances
    assert any(counted), "what was kept from the agent is counted"
    assert "injected" not in said or said.count("\n") <= 2


class _Receiver(BaseHTTPRequestHandler):
    names: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.names.extend(span.name for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    names: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Receiver,), {"names": names})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", names
        server.shutdown()


MANY = """
import json
import atlas_otel as atlas
from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
telemetry = atlas.configure()

@atlas.tool
def work(number):
    return "r" * 300

for number in range(300):
    with atlas.session(f"task {number}", name="s", metadata={"k": list(range(50))}):
        attributes = {f"a{i}": "v" * 99 for i in range(9)}
        with trace.get_tracer("other").start_as_current_span("foreign", attributes=attributes):
            work(number)
carrier = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
token = context.attach(TraceContextTextMapPropagator().extract(carrier))
with atlas.session("unsampled parent", name="s"):
    work(-1)
context.detach(token)
print(json.dumps([telemetry.flush(30), telemetry.accounts.balances, telemetry.accounts.spans.stored]))
"""


@pytest.mark.parametrize(
    "env",
    [
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
        {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
        {
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1",
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
            "OTEL_SPAN_LINK_COUNT_LIMIT": "0",
        },
    ],
    ids=["one in a hundred", "none", "absurd limits"],
)
def test_samplers_and_limits_cost_data_in_jaeger_only(
    env: dict[str, str], database_url: str, receiver: tuple[str, list[str]], tmp_path: Path
) -> None:
    endpoint, names = receiver
    found, _ = _run(
        MANY, {**env, "ATLAS_OTEL_DATABASE_URL": database_url, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, tmp_path
    )
    assert found == [True, True, 902]
    with psycopg.connect(database_url) as connection:
        sessions = connection.execute("SELECT count(*), count(DISTINCT task), min(status) FROM sessions").fetchone()
        whole = connection.execute(
            "SELECT count(*) FROM atlas_otel.spans"
            " WHERE kind = 'tool' AND length(attributes->>'gen_ai.tool.call.result') >= 300"
        ).fetchone()
    assert sessions == (301, 301, "succeeded")
    assert whole == (301,)
    sessions_sent = sum(name.startswith("invoke_agent") for name in names)
    if env.get("OTEL_TRACES_SAMPLER") == "parentbased_always_off":
        assert sessions_sent == 0
    elif "OTEL_TRACES_SAMPLER" in env:
        assert sessions_sent < 20, "about three of three hundred"
    else:
        assert sessions_sent >= 300


INTERRUPTED = """
import json, random, signal, sys, threading, time
import atlas_otel as atlas

class Stop(KeyboardInterrupt if "Ctrl-C" in sys.argv else Exception):
    pass

def stop(number, frame):
    raise Stop

# Any session, of any size: where the handler raises just as __exit__ begins, Python leaves no block, and all that comes
# later is of that session.
telemetry = atlas.configure(durability=DURABILITY, projection="any")
signal.signal(signal.SIGALRM, stop)

@atlas.tool
def work(number):
    return "x" * 50

# What is imported at the first call is imported: an interrupted import leaves Python's own lock held, not ours.
with atlas.session("the first"), atlas.step("a step"):
    work(0)
    atlas.emit_event("tick", 0)
assert telemetry.flush(60)
for _ in range(250):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.003))
        for _ in range(5):  # not for ever: an interpreter that is amid a finaliser drops what a handler raises
            with atlas.session("a task", name="s"), atlas.step("a step"):
                for number in range(3):
                    work(number)
                    atlas.emit_event("tick", number)
    except Stop:
        pass
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Stop:
            pass
    drains = sum(thread.name == "atlas-otel-drain" for thread in threading.enumerate())
    assert drains <= 1, drains
flushed = telemetry.flush(60)
accounts = telemetry.accounts
telemetry.shutdown()
numbers = [[t.started, t.stored, t.open, t.spooled, t.lost] for t in (accounts.spans, accounts.events)]
print(json.dumps([flushed, accounts.balances, numbers, sorted(accounts.dropped)]))
"""


@pytest.mark.parametrize("durability", ["spool", "memory"])
@pytest.mark.parametrize("how", ["a timeout that raises", "Ctrl-C"])
def test_a_signal_handler_that_raises_amid_a_call_of_ours_upsets_nothing(
    how: str, durability: str, database_url: str, tmp_path: Path
) -> None:
    """Whatever it interrupts: one thread stores, its wake-up is never lost, and the accounts are what is stored."""
    program = INTERRUPTED.replace("DURABILITY", repr(durability)).replace("sys.argv", repr([how]))
    found, _ = _run(program, {"ATLAS_OTEL_DATABASE_URL": database_url}, tmp_path, traceback=True)
    flushed, balances, numbers, causes = found
    assert flushed
    assert balances
    assert all(number >= 0 for tally in numbers for number in tally), numbers
    assert set(causes) <= {"error"}, "what was interrupted before it was taken"
    with psycopg.connect(database_url) as connection:
        spans = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE rank = 5").fetchone()
        events = connection.execute("SELECT count(*) FROM atlas_otel.span_events").fetchone()
    assert (spans, events) == ((numbers[0][1],), (numbers[1][1],))
