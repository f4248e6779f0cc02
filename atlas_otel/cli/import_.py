"""``atlas-otel import``."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Quiet, command_app, the_database
from atlas_otel.cli.text import short
from atlas_otel.errors import UsageError

app = command_app()


@app.command(
    name="import",
    help="Store traces from files: OTLP in JSON lines, as the Collector's file exporter writes them (traces, and logs "
    "of model calls), Jaeger's JSON, what OpenTelemetry's console exporter prints, exports of Phoenix, Langfuse and "
    "MLflow, trajectories (ATIF); packed with gzip or not; - is standard input. Importing again changes nothing. Exit "
    "code 1 where something could "
    "not be taken or computed, 2 where something named is not there; the rest is stored.",
)
def import_traces(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE...", help="What to import.")] = None,
    database_url: DatabaseUrl = None,
    jaeger_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Take traces from this Jaeger, such as http://localhost:16686.")
    ] = None,
    trace_id: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Which trace of that Jaeger. May be repeated.")
    ] = None,
    max_document_mib: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="The largest line, or document over many lines, in MiB; also unpacked."),
    ] = 256,
    quiet: Quiet = False,
) -> None:
    """Import everything that is named, then say what came of it."""
    from atlas_otel import settings
    from atlas_otel.capture.capture import Capture
    from atlas_otel.collect.importing import Imported, Importer
    from atlas_otel.postgres.sessions import not_computed
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.process.garbage import collected_seldom

    if not files and not jaeger_url:
        raise UsageError("nothing to import: give files, or --jaeger-url with --trace-id")
    if bool(jaeger_url) != bool(trace_id):
        raise UsageError("--jaeger-url and --trace-id go together")
    in_force = settings.resolve({}, os.environ)
    capture = Capture.from_settings(in_force)
    shown_at = time.monotonic()

    def show(imported: Imported) -> None:
        nonlocal shown_at
        if sys.stderr.isatty() and not quiet and time.monotonic() - shown_at > 0.5:
            shown_at = time.monotonic()
            typer.echo(f"\r{imported.spans} spans", nl=False, err=True)

    url = the_database(database_url or in_force.database_url)
    with collected_seldom(), PostgresStore(url) as store:
        importer = Importer(store, capture, show, max_document_bytes=max_document_mib * 1024 * 1024)
        for name in files or ():
            importer.add_file(name)
        for one in trace_id or ():
            importer.add_from_jaeger(jaeger_url or "", one)
        imported = importer.finish()
    broken = not_computed(url, traces=imported.traces)
    for problem in (*imported.problems, *(short(str(session), 200) for session in broken)):
        typer.echo(problem, err=True)
    for scope, number in sorted(imported.not_understood.items()):
        typer.echo(f"{number} spans of scope {short(scope or '(none)')} were kept but not understood", err=True)
    for failure in imported.failures[:-1]:
        typer.echo(f"atlas-otel: {failure}", err=True)
    if not quiet and (imported.traces or not imported.failures):
        said = (
            f"imported {imported.spans} spans and {imported.events} events of {len(imported.traces)} traces; "
            f"{max(imported.sessions - len(broken), 0)} sessions computed"
        )
        lacking = f"; not taken: {imported.refused} spans, {imported.unread} lines" if not imported.complete else ""
        lacking += f"; {len(broken)} sessions cannot be computed" if broken else ""
        typer.echo(said + lacking)
    if imported.failures:
        raise imported.failures[-1]
    if broken or not imported.complete:
        raise typer.Exit(1)
