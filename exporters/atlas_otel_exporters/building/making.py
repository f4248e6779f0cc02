"""The records of one session → what an export needs of it: the same function on every core and on every executor. Pure.

A session's lines are made where its records are, and travel as bytes. The session itself travels too only where a line
depends on others: on its conversation, on other runs of its task, on what stood before it.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.errors import RecordError
from atlas_otel.projection.project import project
from atlas_otel_exporters.building.projected import Given, derived_number, stored_session
from atlas_otel_exporters.building.selecting import conversation_of, is_asked, why_skipped
from atlas_otel_exporters.building.tables import session_tables
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.stored import Size, StoredSession
from atlas_otel_exporters.training.recorded import read_run

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.records.record import RecordSet
    from atlas_otel_exporters.building.tables import TableRows
    from atlas_otel_exporters.formats import Format, FormatName
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.training.options import RowOptions


class Job(NamedTuple):
    """What a build makes of each session. ``format``: None makes no lines. ``tables``: rows of the tables too."""

    format: FormatName | None
    options: RowOptions
    selection: Selection
    event_limit: int | None = None
    tables: bool = False


class Made(NamedTuple):
    """One session, ready to be put in its place. ``skipped``: why it is left out; then there is no ``body``."""

    number: int
    key: str
    skipped: str | None
    conversation: str | None
    body: bytes


class Body(NamedTuple):
    """What a session came to. ``row`` is its own row, without steps and events.

    ``lines``: each with the spans that it is made of; None where ``whole`` has to make them. ``unreadable``: why it
    could not be read.
    """

    row: StoredSession
    size: Size
    lines: Sequence[tuple[bytes, list[str]]] | None
    left_out: Mapping[str, int]
    whole: StoredSession | None
    tables: TableRows | None
    unreadable: str | None


class MadeSession(StoredSession):
    """A session whose lines were made elsewhere."""

    body: Body

    @property
    def size(self) -> Size:
        """How much of it was read, where it was."""
        return self.body.size


class Maker:
    """Makes sessions of a job, one after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._records: dict[str, RecordSet] = {}
        self._format = None if job.format is None else format_named(job.format, job.options, self._records.__getitem__)

    def make(self, key: str, records: RecordSet, given: Given | None = None) -> Made | None:
        """The session with this key; None where its records are none yet, or it was not asked for."""
        number = derived_number(key) if given is None else given.number
        try:
            rows = project(records)
            if rows is None:
                return None
            session = stored_session(key, rows, given, self._job.event_limit)
        except Exception as error:  # noqa: BLE001
            # Records of any program are read here: one session that cannot be computed is named, and the others go on.
            return _unreadable(number, key, error if isinstance(error, RecordError) else repr(error))
        if not is_asked(session, self._job.selection):
            return None
        if (skipped := why_skipped(session, self._job.selection)) is not None:
            return Made(number, key, skipped, None, b"")
        self._records[key] = records
        try:
            return Made(number, key, None, conversation_of(session), _packed(self._body(session)))
        finally:
            self._records.clear()

    def _body(self, session: StoredSession) -> Body:
        row = session._replace(steps=(), events=())
        tables = session_tables(session) if self._job.tables else None
        format, job = self._format, self._job
        if format is None or job.format is None:
            return Body(row, session.size, (), {}, None, tables, None)
        if format.reads_twice or job.format in REMEMBERING:
            return Body(row, session.size, None, {}, session, tables, None)
        if format.joins_conversations and conversation_of(session) is not None:
            return Body(row, session.size, None, {}, session, tables, None)
        format.left_out.clear()
        try:
            lines = list(format.traced(session))
            whole = session if format.compares_runs and _is_compared(session) else None
        except RecordError as error:
            return Body(row, session.size, (), {}, None, tables, str(error))
        return Body(row, session.size, lines, dict(format.left_out), whole, tables, None)


REMEMBERING: frozenset[FormatName] = frozenset({"verl"})
"""Formats in which a session's rows depend on those before it."""


def _is_compared(session: StoredSession) -> bool:
    run = read_run(session)
    return run.task_group is not None and run.reward is not None


def _unreadable(number: int, key: str, error: object) -> Made:
    nothing = StoredSession._make((number, key, *[None] * 14, (), (), 0))
    return Made(number, key, None, None, _packed(Body(nothing, Size(0, 0, 0), (), {}, None, None, str(error))))


def _packed(body: Body) -> bytes:
    return pickle.dumps(tuple(body), protocol=5)


def unpacked(data: bytes) -> MadeSession:
    """The session of a :class:`Made` body, which this program wrote."""
    body = Body(*pickle.loads(data))  # noqa: S301
    session = MadeSession._make(body.row)
    session.body = body
    return session


class MadeFormat:
    """A format whose lines were made with the sessions, as far as they stand alone; the rest is made here."""

    reads_rows = True

    def __init__(self, format: Format) -> None:
        self._format = format
        self.compares_runs = format.compares_runs
        self.joins_conversations = format.joins_conversations
        self.reads_twice = format.reads_twice

    @property
    def left_out(self) -> Counter[str]:
        """Model calls that made no line, by cause."""
        return self._format.left_out

    def learn(self, session: StoredSession) -> None:
        """As the format does."""
        self._format.learn(_whole(session))

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The session's lines."""
        return [line for line, _ in self.traced(session)]

    def traced(self, session: StoredSession) -> Iterable[tuple[bytes, list[str]]]:
        """The session's lines, each with its spans. Raises RecordError where it could not be read."""
        body = _body(session)
        if body.unreadable is not None:
            raise RecordError(body.unreadable)
        if body.lines is None:
            return self._format.traced(_whole(session))
        self._format.left_out.update(body.left_out)
        return body.lines

    def hold(self, session: StoredSession) -> Iterable[bytes] | None:
        """Keep a session for :meth:`joined`; the lines of one that has nothing to join."""
        body = _body(session)
        if body.unreadable is not None:
            raise RecordError(body.unreadable)
        return self._format.hold(_whole(session))

    def joined(self) -> Iterable[bytes]:
        """The lines of the sessions that were held."""
        return self._format.joined()

    def traced_runs(self, sessions: Iterable[StoredSession]) -> Iterable[tuple[bytes, list[str]]]:
        """The lines that these runs of one task make together, each with its spans."""
        return self._format.traced_runs(map(_whole, sessions))

    def lines_of_runs(self, sessions: Iterable[StoredSession]) -> Iterable[bytes]:
        """The same without their spans."""
        return self._format.lines_of_runs(map(_whole, sessions))


def _body(session: StoredSession) -> Body:
    assert isinstance(session, MadeSession)
    return session.body


def _whole(session: StoredSession) -> StoredSession:
    body = _body(session)
    if body.unreadable is not None:
        raise RecordError(body.unreadable)
    assert body.whole is not None
    return body.whole
