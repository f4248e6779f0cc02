"""The way itself: a real session is recorded, found in Postgres, found in an exported line, and removed again.

It is recorded as quarantined, so that no export takes it unless asked for every session; and it is deleted at the end,
where the role may delete.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg
from opentelemetry import trace

import atlas_otel as atlas
from atlas_otel.delivery.causes import meaning
from atlas_otel.doctor.finding import Finding, fail, ok, warn
from atlas_otel.errors import AtlasOtelError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel.tracing.reporting import set_runtime_metadata
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from atlas_otel.pipeline import Telemetry

TASK: Final = "atlas-otel doctor: a probe, to be removed"
NAME: Final = "atlas-otel-doctor"
NOTE: Final = "A probe of atlas-otel doctor."


class Probe(NamedTuple):
    """A session that was recorded to see where it comes out. ``sampled``: its trace is sent."""

    key: str
    trace_id: str
    sampled: bool


def record_probe() -> Probe:
    """Record a session with a step and a tool call in it."""
    with atlas.session(TASK, name=NAME, new=True) as session:
        set_runtime_metadata({"review_status": "quarantined", "review_notes": NOTE})
        with atlas.step("probe", id=1), atlas.tool("probe") as call:
            call.output = "done"
        sampled = trace.get_current_span().get_span_context().trace_flags.sampled
        session.final_answer = "done"
    return Probe(session.id, session.trace_id, sampled)


def follow_probe(probe: Probe, telemetry: Telemetry, url: str, *, patience_s: float = 15.0) -> list[Finding]:
    """Where the probe came out: row, line; and its removal."""
    began = time.monotonic()
    if not telemetry.flush(patience_s):
        said = f"the probe was not stored within {patience_s:.0f} s"
        return [fail("emit", said, "the lines above say what the database lacks; the probe waits in the spool")]
    found = [ok("emit", f"a session of 3 spans was stored and computed in {time.monotonic() - began:.1f} s")]
    try:
        found.append(_row(probe, url))
        found.append(_line(probe, url))
    finally:
        found.append(_removed(probe, url))
    return found


def _row(probe: Probe, url: str) -> Finding:
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        row = connection.execute(
            "SELECT theirs.id, theirs.status FROM atlas_otel.sessions AS ours"
            " JOIN public.sessions AS theirs ON theirs.id = ours.id WHERE ours.key = %s",
            [probe.key],
        ).fetchone()
    if row is None or row[1] != "succeeded":
        said = "the probe has no row" if row is None else f"the probe's row says {row[1]}"
        return fail("row", said, "atlas-otel rebuild --all; if it stays so, report it")
    return ok("row", f"it is sessions.id {row[0]}, succeeded")


def _line(probe: Probe, url: str) -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.jsonl")
        try:
            export_jsonl(path, database_url=url, session_ids=[probe.key], review_statuses=None)
            line = json.loads(path.read_text("utf-8"))
        except (AtlasOtelError, OSError, ValueError) as error:
            return fail("line", f"it cannot be exported: {error}", "see: atlas-otel verify")
    events = len(line["trajectory_events"])
    return ok("line", f"it exports as one line with {len(line['steps'])} step and {events} events")


def _removed(probe: Probe, url: str) -> Finding:
    try:
        with translating(url), quiet(), connect(url) as connection:
            try:
                with connection.transaction():
                    connection.execute(statement("doctor_remove"), {"key": probe.key, "trace": probe.trace_id})
            except psycopg.errors.InsufficientPrivilege:
                connection.execute(statement("doctor_set_aside"), {"key": probe.key, "note": NOTE})
                return ok("probe", f"kept as quarantined, since this role may not delete: {probe.key}")
    except AtlasOtelError as error:
        return warn("probe", f"{probe.key} is still there: {error}", "it is quarantined: no export takes it by default")
    return ok("probe", "removed again")


def accounts_of(telemetry: Telemetry) -> Finding:
    """What became of every span of this process."""
    accounts = telemetry.accounts
    spans = accounts.spans
    dropped = ", ".join(f"{number} {cause}" for cause, number in sorted(accounts.dropped.items())) or "nothing"
    kept = f"{spans.stored} stored + {spans.open} open + {spans.spooled} waiting"
    said = f"{spans.started} spans = {kept}; dropped: {dropped}"
    if accounts.handed:
        said += f"; {accounts.sent} of {accounts.handed} sent over OTLP"
    if not accounts.balances:
        return fail("accounts", f"do not balance: {said}", "report it")
    if accounts.waiting:
        return warn("accounts", f"{said}; cannot write to the database: {accounts.waiting}", "see the database above")
    if accounts.dropped:
        return warn("accounts", said, "docs/reliability.md says what each cause means")
    return ok("accounts", f"of this process: {said}")


def absorbed_of(telemetry: Telemetry) -> list[Finding]:
    """What was withheld, not recorded, or kept from the program: each cause with what to do about it."""
    counts = sorted(telemetry.accounts.absorbed.items())
    return [warn("accounts", f"{number} × {cause}", meaning(cause)) for cause, number in counts]
