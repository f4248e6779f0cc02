"""Sessions as lists show them: what is asked of the database, and a row as its item."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from psycopg import sql
from psycopg.rows import class_row

from atlas_otel.errors import UsageError
from atlas_otel.look.filters import SessionFilter
from atlas_otel.postgres.statements import composable
from atlas_otel.semconv import NOT_CAPTURED
from atlas_otel.ui.shapes.sessions import Reason, Reservation, SessionItem
from atlas_otel_exporters.training.task_group import task_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import psycopg

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.ui.shapes.sessions import Order, SessionQuery

_ORDERS: Final[dict[str, tuple[str, str]]] = {
    "newest": ("theirs.id DESC", "theirs.id < %(after_id)s"),
    "oldest": ("theirs.id", "theirs.id > %(after_id)s"),
    "attention": (
        "facts.attention DESC, facts.session_id DESC",
        "(facts.attention, facts.session_id) < (%(after_attention)s, %(after_id)s)",
    ),
}


class Row(NamedTuple):
    """A row of ``sessions.sql``."""

    id: int
    key: str | None
    content: int
    last_event: int
    task: str
    answer: str
    status: str
    review_status: str
    created_at: datetime
    completed_at: datetime | None
    seconds: float | None
    agent: str | None
    learning_key: str | None
    models: list[str]
    tools: list[str]
    tags: list[str]
    reward: float | None
    spread: float | None
    steps: int
    attempts: int
    rejected: int
    failures: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    length: int
    attention: int
    reasons: list[str]
    verdicts: int
    needed: int | None
    tie: bool
    changed: bool
    assigned_to: str | None
    review_tags: list[str]
    reserved_by: str | None
    reserved_until: datetime | None
    drift: Any
    projection_error: str | None

    @property
    def revision(self) -> str:
        """The session's revision: of its content and of its review."""
        return revision(self.content, self.last_event)


def revision(content: int, last_event: int) -> str:
    """A revision as the API has it."""
    return f"c{content}-r{last_event}"


def parameters(query: SessionQuery) -> dict[str, Any]:
    """The parameters of ``which.sql``."""
    asked = query.model_dump(include=set(type(query).model_fields) & set(_FILTERS))
    texts = SessionFilter(text=query.text).parameters()
    return {**asked, "text": texts["text"], "json_text": texts["json_text"]}


_FILTERS: Final = (
    *("status", "review_status", "since", "until", "agent", "model", "tool", "learning_key", "tag", "min_reward"),
    *("max_reward", "failed", "text", "conversation", "reason", "cluster", "assigned_to", "reviewed_by"),
)


def from_tables(*, with_facts: bool = False) -> sql.Composed:
    """The tables of a query; ``with_facts``: only sessions of which facts are kept."""
    join = sql.SQL("JOIN" if with_facts else "LEFT JOIN")
    return composable("from", __package__).format(facts=join)


def which() -> sql.SQL:
    """The conditions of a query."""
    return composable("which", __package__)


def read_page(
    connection: psycopg.Connection[Any], query: SessionQuery, order: Order, limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    """A page of sessions, and where the next one begins. Raises UsageError for a cursor that is none."""
    by, after = _ORDERS[order]
    given = _position(cursor, order) if cursor is not None else None
    asked = parameters(query) | {"limit": limit + 1}
    if given is not None:
        asked |= {"after_id": given[0], "after_attention": given[1]}
    statement = composable("sessions", __package__).format(
        **{"from": from_tables(with_facts=order == "attention")},
        which=which(),
        after=sql.SQL(f"AND {after}") if given is not None else sql.SQL(""),
        order=sql.SQL(by),
    )
    with connection.cursor(row_factory=class_row(Row)) as rows:
        found = rows.execute(statement, asked).fetchall()
    more = found[limit:]
    found = found[:limit]
    return found, _cursor(found[-1], order) if more else None


def read_rows(connection: psycopg.Connection[Any], ids: Sequence[int]) -> list[Row]:
    """These sessions, in this order."""
    statement = composable("sessions", __package__).format(
        **{"from": sql.SQL("FROM public.sessions AS theirs")},
        which=sql.SQL("theirs.id = ANY (%(ids)s::bigint[])"),
        after=sql.SQL(""),
        order=sql.SQL("array_position(%(ids)s::bigint[], theirs.id)"),
    )
    with connection.cursor(row_factory=class_row(Row)) as rows:
        return rows.execute(statement, {"ids": list(ids), "limit": len(ids)}).fetchall()


def item(row: Row, needed: int) -> SessionItem:
    """A row as the API gives it. ``needed``: how many verdicts the rubric asks for."""
    reserved = row.reserved_by, row.reserved_until
    return SessionItem(
        id=row.id,
        key=row.key,
        revision=row.revision,
        task=row.task,
        answer=row.answer,
        status=row.status,
        review_status=row.review_status.lower(),
        created_at=row.created_at,
        completed_at=row.completed_at,
        seconds=row.seconds,
        agent=row.agent,
        models=row.models,
        tools=row.tools,
        tags=list(dict.fromkeys([*row.tags, *row.review_tags])),
        learning_key=row.learning_key,
        task_group=task_group(row.learning_key, row.task),
        reward=row.reward,
        reward_spread=row.spread,
        steps=row.steps,
        attempts=row.attempts,
        rejected=row.rejected,
        failures=row.failures,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
        attention=row.attention,
        reasons=list(_reasons(row)),
        verdicts=row.verdicts,
        verdicts_needed=row.needed or needed,
        tie=row.tie,
        changed_after_review=row.changed,
        assigned_to=row.assigned_to,
        reservation=Reservation(by=reserved[0], until=reserved[1]) if reserved[0] and reserved[1] else None,
        content=row.task != NOT_CAPTURED,
    )


def _reasons(row: Row) -> Iterator[Reason]:
    if row.tie:
        yield Reason(code="tie", detail=f"{row.verdicts} reviewers disagree")
    if row.changed:
        yield Reason(code="changed_after_review", detail="its records changed after its review")
    told = {
        "drift": f"the reward drifted{_drift(row.drift)}",
        "rejected_attempts": f"validation rejected {_count(row.rejected, 'attempt')}",
        "judge_disagreement": f"judges' samples are {row.spread or 0:.2f} apart (standard deviation)",
        "low_reward": f"the reward is {row.reward or 0:.2f}",
        "missing_reward": "nobody gave a reward",
        "unusual_length": f"{_count(row.length, 'call')}, unlike this agent's sessions before",
        "failure_cluster": f"{_count(row.failures, 'step or call', 'steps or calls')} failed",
        "new_task_group": "the first session of its task group",
    }
    for code in row.reasons:
        if code in told:
            yield Reason(code=code, detail=told[code])  # type: ignore[arg-type]


def _count(number: int, one: str, more: str | None = None) -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _drift(drift: JsonObject | None) -> str:
    reason = drift.get("reason") if isinstance(drift, dict) else None
    return f": {reason}" if isinstance(reason, str) else ""


def _cursor(row: Row, order: Order) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, row.id, row.attention])).decode().rstrip("=")


def _position(cursor: str, order: Order) -> tuple[int, int]:
    try:
        made_for, number, attention = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        made_for, number, attention = None, None, None
    if made_for != order or type(number) is not int or type(attention) is not int or not _in_range(number, attention):
        raise UsageError("cursor: it is not of a page of this order")
    return number, attention


def _in_range(*numbers: int) -> bool:
    return all(abs(one) < 2**53 for one in numbers)
