"""``atlas-otel review``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli.catching_up import Strict, catch_up_first
from atlas_otel.cli.lake_options import Catalog, LakeUrl, the_lake
from atlas_otel.cli.options import (
    AsJson,
    DatabaseUrl,
    Quiet,
    SessionName,
    SessionNames,
    command_app,
    print_json,
    the_database,
)
from atlas_otel.cli.text import short
from atlas_otel.errors import UsageError
from atlas_otel_exporters.review import decide, session_to_review, sessions_to_review

if TYPE_CHECKING:
    from atlas_otel_exporters.review import Decision, ReviewedSession, ReviewedStep

app = command_app("Look at recorded sessions, and say which ones may be trained on.")

Note = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; replaces the session's review notes.")]


@app.command()
def sessions(
    database_url: DatabaseUrl = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help="Only this review status. May be repeated. [default: pending, quarantined, approved]",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Sessions of each review status.")] = 20,
    offset: Annotated[int, typer.Option(metavar="N", min=0, help="Skip this many of each, the newest.")] = 0,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """List sessions by review status, newest first; those that are behind their records are computed before."""
    failed = catch_up_first(the_database(database_url), strict=strict)
    statuses = [name.lower() for name in status or ("pending", "quarantined", "approved")]
    found = sessions_to_review(the_database(database_url), statuses, limit=limit, offset=offset)
    if as_json:
        listed = {name: [session._asdict() for session in queue.sessions] for name, queue in found.items()}
        print_json({name: {"total": found[name].total, "sessions": rows} for name, rows in listed.items()})
    for name, queue in () if as_json else found.items():
        shown = len(queue.sessions)
        typer.echo(f"{short(name)} ({queue.total if shown == queue.total else f'{shown} of {queue.total}'})")
        for session in queue.sessions:
            typer.echo(_line(session))
    if failed:
        raise typer.Exit(1)


@app.command()
def show(session: SessionName, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show what a decision about a session needs: answer, why it failed, rewards, guidance, what is unusual, notes."""
    from atlas_otel_exporters.review_detail import review_detail

    found, steps = session_to_review(the_database(database_url), session)
    detail = review_detail(the_database(database_url), found.id)
    if as_json:
        guidance = [{"step_id": step, "note": note} for step, note in detail.guidance]
        said = detail._asdict() | {"guidance": guidance}
        print_json(found._asdict() | said | {"steps": [step._asdict() for step in steps]})
        return
    typer.echo(_line(found))
    typer.echo(f"  review    {found.review_status}; notes: {short(found.review_notes, 1000)}")
    typer.echo(f"  created   {found.created_at.isoformat()}")
    typer.echo(f"  answer    {short(found.final_answer)}")
    typer.echo(f"  audit     {found.audit_entries} entries")
    for key, value in (found.drift or {}).items():
        typer.echo(f"  drift     {short(f'{key}: {value}')}")
    for label, texts in (
        ("failed", [detail.failure] if detail.failure else []),
        ("judged", [detail.rationale] if detail.rationale else []),
        ("judge", detail.judges),
        ("unusual", detail.unusual),
    ):
        for text in texts:
            typer.echo(f"  {label:<9} {short(text, 1000)}")
    for step in steps:
        typer.echo(_step(step))
        for said_of in detail.attempts.get(step.step_id, ()):
            typer.echo(f"    {short(said_of, 1000)}")
        for note in (note for number, note in detail.guidance if number == step.step_id):
            typer.echo(f"    guidance: {short(note, 1000)}")


@app.command()
def sample(
    from_lake: Annotated[
        bool, typer.Option("--from-lake", help="From the lake: of the sessions that have no rows in the database.")
    ] = False,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many at most.")] = 10,
    seed: Annotated[str, typer.Option(metavar="TEXT", help="Another draws others; the same the same ones.")] = "",
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: DatabaseUrl = None,
    quiet: Quiet = False,
) -> None:
    """Draw sessions and bring them into the database for a look; prints their keys.

    They stay in the lake, too, and are archived again, with the verdict, once they are old enough.
    """
    from atlas_otel.lake.reviewing import sample as draw
    from atlas_otel.lake.table import open_lake

    if not from_lake:
        raise UsageError("say where from: --from-lake")
    url = the_database(database_url)
    with open_lake(the_lake(lake), catalog, database=url) as opened:
        keys = draw(url, opened, count, seed)
    for key in keys:
        typer.echo(key)
    if not quiet:
        typer.echo(f"brought {len(keys)} sessions from the lake: see atlas-otel review sessions", err=True)


@app.command()
def approve(session: SessionNames, database_url: DatabaseUrl = None, note: Note = None, quiet: Quiet = False) -> None:
    """Approve sessions: they are exported from now on."""
    _decide(session, "approved", database_url, note, quiet=quiet)


@app.command()
def quarantine(
    session: SessionNames, database_url: DatabaseUrl = None, note: Note = None, quiet: Quiet = False
) -> None:
    """Quarantine sessions: they are not exported unless asked for."""
    _decide(session, "quarantined", database_url, note, quiet=quiet)


def _decide(names: list[str], decision: Decision, database_url: str | None, note: str | None, *, quiet: bool) -> None:
    for session in decide(the_database(database_url), names, decision, note=note):
        if not quiet:
            typer.echo(f"session {session.id} is {session.review_status}")


def _line(session: ReviewedSession) -> str:
    reward = "no reward"
    if session.score is not None:
        spread = "" if session.score_stddev is None else f" ± {session.score_stddev:.2f}"
        samples = f" (of {session.sample_count})" if session.sample_count else ""
        reward = f"reward {session.score:.2f}{spread}{samples}"
    alert = "  DRIFT" if session.drift_alert else ""
    return f"  {session.id:>6}  {session.status:<9}  {reward}{alert}  {short(session.task)}"


def _step(step: ReviewedStep) -> str:
    score = "-" if step.score is None else f"{step.score:.2f}"
    valid = {True: "passed", False: "failed", None: "-"}[step.valid]
    return (
        f"  step {step.step_id}: {short(step.description)} | attempts={step.attempts or '-'} "
        f"validation={valid} reward={score} | {short(step.output)}"
    )
