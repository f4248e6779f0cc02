"""How an agent does: sessions, or model or tool calls, counted in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, get_args

from psycopg.rows import class_row

from atlas_otel.errors import UsageError
from atlas_otel.look.filters import query
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.look.filters import SessionFilter

Dimension: TypeAlias = Literal["day", "agent", "model", "tool", "learning-key"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)


class SessionStatistics(NamedTuple):
    """One group of sessions. Means and percentiles are None where no session of the group has the value.

    ``reward_spread`` is the population's standard deviation. ``retries`` are attempts after the first; ``guided`` are
    those of steps that got guidance, ``improved`` those of them that passed where the attempt before had failed, or
    scored higher; ``gain`` is the mean change of the score. ``cost_usd`` is what is known of the
    calls' price; ``unpriced_calls`` have none. Times are in seconds; a day is in UTC.
    """

    day: str | None
    agent: str | None
    learning_key: str | None
    sessions: int
    succeeded: int
    failed: int
    rewarded: int
    reward: float | None
    reward_spread: float | None
    retries: int
    guided: int
    improved: int
    gain: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    unpriced_calls: int
    p50_seconds: float | None
    p95_seconds: float | None


class CallStatistics(NamedTuple):
    """One group of model or tool calls; ``name`` is the model's or the tool's. Times are in seconds."""

    day: str | None
    agent: str | None
    learning_key: str | None
    name: str | None
    sessions: int
    calls: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    p50_seconds: float | None
    p95_seconds: float | None


def session_statistics(url: str, chosen: SessionFilter, by: Sequence[Dimension] = ()) -> list[SessionStatistics]:
    """Sessions, grouped by ``day``, ``agent`` and ``learning-key``; without any, one row for all.

    Raises ConfigError and StoreError where the database cannot be read.
    """
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        require_current(connection, url)
        with connection.cursor(row_factory=class_row(SessionStatistics)) as cursor:
            found = cursor.execute(query("look_sessions"), chosen.parameters() | _grouping(by)).fetchall()
    return [row for row in found if row.sessions]


def call_statistics(url: str, chosen: SessionFilter, by: Sequence[Dimension]) -> list[CallStatistics]:
    """Model calls where ``by`` names ``model``, tool calls where it names ``tool``; grouped by the others as well.

    Raises UsageError where it names both or neither, ConfigError and StoreError where the database cannot be read.
    """
    if ("model" in by) == ("tool" in by):
        raise UsageError("model and tool are different calls: group by one of them")
    event_type = "LLM_END" if "model" in by else "TOOL_END"
    wanted = chosen.parameters() | _grouping(by) | {"event_type": event_type}
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        require_current(connection, url)
        with connection.cursor(row_factory=class_row(CallStatistics)) as cursor:
            return cursor.execute(query("look_calls"), wanted).fetchall()


def dimensions(text: str) -> tuple[Dimension, ...]:
    """The dimensions in a comma-separated list, each once.

    >>> dimensions("day, agent")
    ('day', 'agent')

    Raises UsageError for a name that is none.
    """
    wanted = [name.strip().lower().replace("_", "-") for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in DIMENSIONS]
    if unknown:
        raise UsageError(f"cannot group by {', '.join(unknown)}: choose from {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in wanted)


def _grouping(by: Sequence[Dimension]) -> dict[str, bool]:
    return {f"by_{name.replace('-', '_')}": name in by for name in ("day", "agent", "learning-key")}
