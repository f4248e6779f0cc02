"""The options that choose sessions, as ``sessions list`` and ``stats`` have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atlas_otel.cli.options import moment

if TYPE_CHECKING:
    from atlas_otel.look.filters import SessionFilter

Status: TypeAlias = Annotated[
    str | None, typer.Option(metavar="STATUS", help="Only running, succeeded or failed sessions.")
]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only sessions that started at this date or time (ISO 8601) or later."),
]
Until: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only sessions that started before this date or time (ISO 8601).")
]
Agent: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Only sessions of this agent.")]
Model: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Only sessions that called this model.")]
Tool: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Only sessions that called this tool.")]
MinReward: TypeAlias = Annotated[
    float | None, typer.Option(metavar="SCORE", help="Only sessions whose reward is at least this.")
]
Failed: TypeAlias = Annotated[
    bool, typer.Option("--failed", help="Only sessions that failed, or in which a step or a call failed.")
]
Conversation: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ID", help="Only sessions of this conversation (their conversation_id).")
]
Words: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Only sessions with this text in task, answer, messages, arguments, results or errors; in any language, "
        "ignoring case.",
    ),
]


def chosen(
    status: str | None,
    since: str | None,
    until: str | None,
    agent: str | None,
    model: str | None,
    tool: str | None,
    min_reward: float | None,
    failed: bool,
    text: str | None,
    conversation: str | None,
) -> SessionFilter:
    """The filter that these options ask for. Raises typer.BadParameter for a time that is none."""
    from atlas_otel.look.filters import SessionFilter

    began = None if since is None else moment(since)
    ended = None if until is None else moment(until)
    return SessionFilter(status, began, ended, agent, model, tool, min_reward, failed, text, conversation)
