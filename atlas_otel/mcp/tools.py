"""What an assistant may ask, as functions that return JSON: sessions, transcripts, spans, failures, statistics, SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.lake.lookup import recorded_session
from atlas_otel.look.difference import Side, compare, document, side
from atlas_otel.look.failures import failure_clusters, to_json
from atlas_otel.look.filters import SessionFilter
from atlas_otel.look.session_tree import session_tree
from atlas_otel.look.sessions import list_sessions
from atlas_otel.look.statistics import call_statistics, dimensions, session_statistics
from atlas_otel.mcp import sql
from atlas_otel.postgres.sessions import session_ids
from atlas_otel.postgres.statements import statement
from atlas_otel.postgres.store import PostgresStore

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows

PAGE: Final = 20_000
"""Characters of one page of a transcript."""
_SHORT: Final = 300
_MOST_SESSIONS: Final = 100
_MOST_NODES: Final = 500


@dataclass(frozen=True)
class Tools:
    """The tools over one database. Each raises an error of our tree where a question cannot be answered."""

    url: str

    def list_sessions(
        self,
        status: str | None = None,
        since: str | None = None,
        agent: str | None = None,
        model: str | None = None,
        tool: str | None = None,
        min_reward: float | None = None,
        failed: bool = False,
        text: str | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Recorded sessions, newest first.

        ``since`` is a date or time in ISO 8601. ``failed`` keeps sessions in which something failed. ``text`` is
        searched in tasks, answers, messages, tool arguments and results, and errors. ``limit`` is at most 100.
        """
        if not 1 <= limit <= _MOST_SESSIONS or offset < 0:
            raise UsageError(f"limit has to be from 1 to {_MOST_SESSIONS}, and offset 0 or more")
        wanted = _filter(status, since, agent, model, tool, min_reward, failed, text)
        found = list_sessions(self.url, wanted, limit=limit, offset=offset)
        return [{**_plain(one._asdict()), "task": _short(one.task)} for one in found]

    def show_session(self, session: str) -> dict[str, Any]:
        """One session: task, answer, plan, reward, and its tree of steps, tools and model calls, long texts cut.

        ``session`` is its number, its key or the beginning of it, or the id of its trace or of one of its spans.
        """
        found = recorded_session(self.url, session)
        trees = session_tree(found.records, found.rows, found.key)
        nodes = [(depth, node) for tree in trees for depth, node in tree.walk()]
        shown = []
        for depth, node in nodes[:_MOST_NODES]:
            known = {key: _short(value) for key, value in node.to_json().items() if key != "children"}
            shown.append({"depth": depth, **known})
        return {
            "key": found.key,
            "id": found.id,
            **_head(found.rows),
            "spans": shown,
            "spans_left_out": len(nodes) - len(shown),
        }

    def transcript(self, session: str, page: int = 1) -> dict[str, Any]:
        """What was said and done in a session, step by step and attempt by attempt, in pages of 20,000 characters.

        ``session`` may also name a step (``12@2``) or an attempt (``12@2.1``).
        """
        rows, of = self._rows(session)
        parts = document(rows, of)
        text = "\n\n".join("\n".join([f"## {heading}", *lines]) for heading, lines in parts.items() if lines)
        pages = max(1, -(-len(text) // PAGE))
        if not 1 <= page <= pages:
            raise UsageError(f"there is no page {page}; there are {pages}")
        return {"session": session, "page": page, "pages": pages, "text": text[(page - 1) * PAGE : page * PAGE]}

    def show_span(self, span: str) -> dict[str, Any]:
        """One span whole, as it was recorded: attributes, status, times and what was reported on it.

        ``span`` is its id (16 hexadecimal digits). Times are in nanoseconds since 1970.
        """
        wanted = span.strip().lower()
        ids = session_ids(self.url, wanted)
        with self._store() as store:
            records = store.records(ids.key)
        found = [one for one in records.spans.values() if one.span_id == wanted]
        if not found:
            raise UsageError(f"{span} is not a span id, which has 16 hexadecimal digits")
        events = [one for one in records.events.values() if one.span_id == wanted]
        return {
            "session": ids.key,
            "span": _plain(found[0]._asdict()),
            "reported": [{"name": one.name, "payload": _parsed(one.payload)} for one in events],
        }

    def failure_clusters(
        self, since: str | None = None, agent: str | None = None, limit: int = 20
    ) -> list[dict[str, Any]]:
        """What fails: failures by step or tool, error type and normalised message, the most frequent first."""
        found = failure_clusters(self.url, _filter(None, since, agent, None, None, None, False, None))
        return [{**to_json(cluster), "example": _short(cluster.example)} for cluster in found[: max(1, limit)]]

    def statistics(self, by: str = "", since: str | None = None, agent: str | None = None) -> list[dict[str, Any]]:
        """Success, rewards, retries, tokens and latency, grouped by a comma-separated list of day, agent,
        learning-key; or, with model or tool among them, the same of calls."""
        groups = dimensions(by)
        wanted = _filter(None, since, agent, None, None, None, False, None)
        if "model" in groups or "tool" in groups:
            return [_plain(row._asdict()) for row in call_statistics(self.url, wanted, groups)]
        return [_plain(row._asdict()) for row in session_statistics(self.url, wanted, groups)]

    def diff(self, left: str, right: str) -> list[dict[str, Any]]:
        """What differs between two sessions, two steps (``12@2``) or two attempts (``12@2.1``), line by line."""
        documents = [document(*self._rows(name)) for name in (left, right)]
        return [
            {"heading": section.heading, "lines": [pair._asdict() for pair in section.pairs if pair.mark != "="]}
            for section in compare(*documents)
            if not section.same
        ]

    def schema(self) -> list[dict[str, Any]]:
        """The tables and views that can be queried, with their columns and types."""
        found = sql.read(sql.reader_url(self.url), statement("look_schema").decode(), max_rows=sql.MAX_ROWS)
        return [row for row in found.rows if isinstance(row, dict)]

    def query(self, select: str, max_rows: int = 100) -> dict[str, Any]:
        """The rows of one SELECT over the recorded sessions: read only, at most 1,000 rows, 200 kB and 10 seconds."""
        found = sql.read(sql.reader_url(self.url), select, max_rows=max_rows)
        return {"rows": found.rows, **({"cut": found.cut} if found.cut else {})}

    def _store(self) -> PostgresStore:
        return PostgresStore(self.url, migrate_schema=False)

    def _rows(self, name: str) -> tuple[SessionRows, Side]:
        of = side(name)
        ids = session_ids(self.url, of.session)
        with self._store() as store:
            rows = store.rows(ids.key)
        if rows is None:
            raise ConfigError(f"session {of.session} is not computed yet")
        return rows, of


def _filter(
    status: str | None,
    since: str | None,
    agent: str | None,
    model: str | None,
    tool: str | None,
    min_reward: float | None,
    failed: bool,
    text: str | None,
) -> SessionFilter:
    began = None
    if since is not None:
        try:
            began = datetime.fromisoformat(since.strip().replace("Z", "+00:00"))
        except ValueError:
            raise UsageError(f"{since!r} is not a date or time, such as 2025-10-01 or 2025-10-01T12:00:00Z") from None
        began = began if began.tzinfo is not None else began.replace(tzinfo=timezone.utc)
    return SessionFilter(status, began, None, agent, model, tool, min_reward, failed, text)


def _head(rows: SessionRows | None) -> dict[str, Any]:
    if rows is None:
        return {"status": "not computed yet"}
    session = rows.session
    return {
        "task": session.task,
        "status": session.status,
        "final_answer": session.final_answer,
        "reward": (session.reward or {}).get("score"),
        "plan": rows.plan.get("steps"),
        "tokens": session.metadata.get("token_usage"),
        "agent": session.metadata.get("agent_name"),
    }


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value]
    if not isinstance(value, str) or len(value) <= _SHORT:
        return value
    return f"{value[:_SHORT]}… ({len(value)} characters)"


def _plain(value: Any) -> Any:
    """``value`` in JSON's own types: times in ISO 8601, bytes as text."""
    return orjson.loads(orjson.dumps(value, default=_other, option=orjson.OPT_NON_STR_KEYS))


def _other(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return dict(value) if hasattr(value, "keys") else str(value)


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
