"""``atlas-otel reward``."""

from __future__ import annotations

from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Quiet, SessionName, command_app, the_database

app = command_app()


# A negative score begins with a dash, and is no option.
@app.command(
    help="Score a recorded session, or a step of it; its rows follow.",
    context_settings={"ignore_unknown_options": True},
)
def reward(
    session: SessionName,
    score: Annotated[float, typer.Argument(metavar="SCORE", help="A finite number.")],
    database_url: DatabaseUrl = None,
    step: Annotated[int | None, typer.Option(help="The step that it is for. [default: the session]")] = None,
    attempt: Annotated[int | None, typer.Option(min=1, help="The attempt at the step. [default: the latest]")] = None,
    span_id: Annotated[str | None, typer.Option(metavar="HEX", help="The span that it is for: 16 digits.")] = None,
    name: Annotated[str, typer.Option(help="Of one name the latest counts.")] = "reward",
    judge: Annotated[str | None, typer.Option(help="Who judged.")] = None,
    rationale: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
    primary: Annotated[bool, typer.Option("--primary", help="This name's score is the session's.")] = False,
    quiet: Quiet = False,
) -> None:
    """Record a late reward and bring the session's rows up to date."""
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.tracing.reward_records import late_reward_records

    url = the_database(database_url)
    (key,) = keys_of(url, [session])
    records = late_reward_records(
        score,
        session_id=key,
        step=step,
        attempt=attempt,
        span_id=span_id,
        name=name,
        judge=judge,
        rationale=rationale,
        primary=primary,
    )
    with PostgresStore(url, migrate_schema=False) as store:
        store.write(records)
        while store.project():
            pass
    if not quiet:
        typer.echo(f"session {session}: {name} {score:g}{'' if step is None else f' for step {step}'}")
