"""What the demo prints at its end: what was recorded, where it is, and what to do with it."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from atlas_otel.console.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.demo.run import Recorded
    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.models.rows import SessionRows

JAEGER_URL: Final = "http://localhost:16686"
PLAIN_WIDTH: Final = 200
"""Columns where the output is no terminal: nothing is folded for a reader that is a program."""


def print_report(recorded: Recorded, database_url: str, *, console: Console | None = None) -> None:
    """Print the report on standard output, in colour where that is a terminal."""
    out = console or Console(highlight=False)
    if not out.is_terminal:
        out = Console(file=out.file, width=PLAIN_WIDTH, highlight=False)
    out.print(_title(f"\nRecorded in {recorded.database}"))
    out.print(_table(recorded))
    for number, (task, rows) in enumerate(zip(recorded.tasks, recorded.rows, strict=True), start=1):
        out.print(Text(f"\n{number}. {task.question}", style="bold"))
        out.print(_indented(task.error or rows.session.final_answer or "(no answer was kept)"))
        for note in rows.guidance:
            out.print(_indented(f"taught on the way: {note.note}", style="magenta"))
        out.print(_indented(f"session {task.session}", style="dim"))
    out.print(_title("\nTraining lines"))
    size = f"{recorded.exported.lines} lines, {recorded.exported.bytes / 1000:.0f} kB"
    out.print(Text(f"  {recorded.output}  ({size}: this run's tasks, reviewed or not)"), soft_wrap=True)
    out.print(_title("\nTraces"))
    _print_hints(out, _traces(recorded, os.environ))
    out.print(_title("\nWhat to try next"))
    _print_hints(out, _next_steps(database_url))


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(clean(text), style=style), (0, 0, 0, 3), expand=False)


def _print_hints(out: Console, hints: Sequence[tuple[str, str]]) -> None:
    """What to type or open, each with its reason below."""
    for what, reason in hints:
        out.print(Text(f"  {what}"), soft_wrap=True)
        if reason:
            out.print(Text(f"      {reason}", style="dim"), soft_wrap=True)


def _title(text: str) -> Text:
    return Text(text, style="bold cyan")


def _table(recorded: Recorded) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("task", "status", "steps", "attempts", "scores", "reward", "tokens", "events"):
        table.add_column(heading, justify="left" if heading == "status" else "right", no_wrap=True)
    for number, rows in enumerate(recorded.rows, start=1):
        table.add_row(str(number), *_row(rows))
    return table


def _row(rows: SessionRows) -> tuple[str, ...]:
    usage = rows.session.metadata.get("token_usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    rewarded = sum(_score(attempt.evaluation) is not None for attempt in rows.attempts)
    score = (rows.session.reward or {}).get("score")
    return (
        rows.session.status,
        str(len(rows.steps)),
        str(len(rows.attempts)),
        str(rewarded + (score is not None)),
        f"{score:.2f}" if isinstance(score, (int, float)) else "-",
        str(tokens) if tokens is not None else "-",
        str(len(rows.events)),
    )


def _score(evaluation: Mapping[str, JsonValue] | None) -> JsonValue:
    reward = (evaluation or {}).get("reward")
    return reward.get("score") if isinstance(reward, dict) else None


def _traces(recorded: Recorded, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Where the spans can be looked at; how to send them, where they were not sent."""
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    jaeger = environment.get("ATLAS_OTEL_JAEGER_URL", JAEGER_URL)
    if endpoint:
        return [(f"{jaeger}/trace/{task.trace_id}", "") for task in recorded.tasks]
    return [
        ("make up", "in a checkout: Postgres, Jaeger and the Collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 atlas-otel demo", f"then open {jaeger}"),
    ]


def _next_steps(database_url: str) -> list[tuple[str, str]]:
    # A URL may hold a password, and what is printed ends up in logs: the name of its variable serves as well.
    named = shlex.quote(database_url) if database_url.startswith("embedded") else '"$ATLAS_OTEL_DATABASE_URL"'
    return [
        (
            f"atlas-otel ui --database-url {named}",
            "the page: read, score, correct and approve these sessions (extra ui)",
        ),
        (
            f"atlas-otel review sessions --database-url {named}",
            "what waits for a reviewer: only approved sessions are exported",
        ),
        (
            f"atlas-otel export --database-url {named} --include-status pending --output all.jsonl",
            "every session in the database, not only this run's",
        ),
        ("atlas-otel --help", "all commands"),
        ("README.md, docs/decorators.md", "record an agent of your own: four decorators"),
    ]
