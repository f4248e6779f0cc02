"""``atlas-otel demo``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app
from atlas_otel.postgres.dsn import EMBEDDED, database_url_from

app = command_app()


@app.command()
def demo(
    database_url: DatabaseUrl = None,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The file for the training lines.")] = Path(
        "traces.jsonl"
    ),
) -> None:
    """Run a small agent from start to end: recorded, stored, exported.

    It answers three questions about this Python environment with SQL, thinking by rule: no key, no network. Without
    a database it uses the embedded server. Each run adds three sessions.
    """
    from atlas_otel.demo.report import print_report
    from atlas_otel.demo.run import run_demo

    url = database_url_from(database_url, os.environ) or EMBEDDED
    recorded = run_demo(url, output)
    print_report(recorded, url)
    if any(task.error for task in recorded.tasks):
        raise typer.Exit(1)
