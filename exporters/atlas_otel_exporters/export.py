"""The export itself: reads, encodes, writes, and counts what it did."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.errors import ConfigError, RecordError, UsageError
from atlas_otel.postgres.catch_up import catch_up
from atlas_otel.postgres.dsn import database_url_from
from atlas_otel_exporters.follow import follow_sessions
from atlas_otel_exporters.formats import FOLLOWED, FORMATS, REMEMBERING, format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import APPROVED, Selection
from atlas_otel_exporters.side_by_side import Work, parts_of
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE
from atlas_otel_exporters.tally import Tally
from atlas_otel_exporters.training.features import FEATURES
from atlas_otel_exporters.write import open_lines

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Generator, Iterator, Sequence
    from datetime import datetime

    from atlas_otel.errors import RetryableStoreError
    from atlas_otel_exporters.formats import Format, FormatName
    from atlas_otel_exporters.side_by_side import Part
    from atlas_otel_exporters.source import SessionSource
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.summary import ExportProgress, ExportSummary
    from atlas_otel_exporters.training.options import RowOptions
    from atlas_otel_exporters.write import Lines


def export_jsonl(
    output: str | os.PathLike[str],
    *,
    database_url: str | None = None,
    session_ids: Sequence[int | str] = (),
    statuses: Sequence[str] = (),
    review_statuses: Collection[str] | None = frozenset({APPROVED}),
    since: datetime | None = None,
    until: datetime | None = None,
    min_reward: float | None = None,
    learning_key: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    newest_first: bool = False,
    trajectory_event_limit: int | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    format: FormatName = "atlas",
    options: RowOptions | None = None,
    jobs: int = 1,
    follow: threading.Event | None = None,
    waiting: Callable[[RetryableStoreError], None] | None = None,
    progress: Callable[[ExportProgress], None] | None = None,
) -> ExportSummary:
    """Write the sessions of a database as lines of JSON, one snapshot of it, and say what was written.

    Sessions that are behind their records are computed first; those that other processes hold are waited for, at most
    30 s, and counted in the summary's ``behind``.

    Args:
        output: A path (``.gz`` and ``.zst`` compress), or ``-``. A file appears under its name when it is whole.
        database_url: A Postgres URL, ``embedded`` or ``embedded:<folder>``; None: ``ATLAS_OTEL_DATABASE_URL``.
        session_ids: Only these: ``sessions.id`` values, or keys of sessions that atlas-otel recorded.
        statuses: Only sessions with one of these statuses, such as ``succeeded``.
        review_statuses: Only sessions with one of these; None: every one. :func:`review_statuses` gives what the
            environment and a config ask for.
        since: Only sessions created then or later, with a time zone.
        until: Only sessions created before, with a time zone.
        min_reward: Only sessions with at least this reward.
        learning_key: Only sessions with this learning key.
        limit: At most so many of the sessions that pass every filter.
        offset: Leave out so many of them first.
        newest_first: The newest first; else the oldest.
        trajectory_event_limit: Only the newest events of each session; the line says how many were left out.
        batch_size: How many sessions are read at a time.
        format: What a line is.
        options: Which model calls make rows, and how, in the formats made of them.
        jobs: In how many processes lines are made; they are the same, in the same order. ``verl`` and advantages among
            the runs of a task, where a line depends on other sessions, use one.
        follow: Keep writing until it is set: each session when it is complete, and again with a higher ``revision``
            when later data changed it. Lines are appended to the file.
        waiting: Called each time that a follower waits for a database that is away.
        progress: Called after each session.

    Returns:
        How many sessions and lines were written, and why others were not.

    Raises:
        UsageError: The call is wrong.
        ConfigError: No database is given, or the URL is wrong.
        StoreError: The database cannot be read.
        ExportError: The output cannot be written; found out before anything is read.

    Example:
        >>> from atlas_otel_exporters import export_jsonl
        >>> with atlas.session("Count the files") as session:
        ...     session.final_answer = "Two."
        >>> atlas.flush()
        True
        >>> summary = export_jsonl("traces.jsonl", review_statuses=None)
        >>> summary.sessions
        1
    """
    url = database_url_from(database_url, os.environ)
    if url is None:
        raise ConfigError("no database given: pass database_url or set ATLAS_OTEL_DATABASE_URL")
    if format not in FORMATS:
        raise UsageError(f"format is {format!r}; it has to be one of {', '.join(FORMATS)}")
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}; at least one session has to be read at a time")
    if trajectory_event_limit is not None and trajectory_event_limit < 0:
        raise UsageError(f"trajectory_event_limit is {trajectory_event_limit}; it counts events")
    selection = Selection(
        session_ids=tuple(session_ids),
        statuses=tuple(statuses),
        review_statuses=None if review_statuses is None else frozenset(status.lower() for status in review_statuses),
        since=since,
        until=until,
        min_reward=min_reward,
        learning_key=learning_key,
        limit=limit,
        offset=offset,
        newest_first=newest_first,
    )
    if follow is not None and format not in FOLLOWED:
        raise UsageError(f"--format {format} cannot be followed: its lines do not say which session they are of")
    if follow is not None:
        return follow_sessions(
            output,
            database_url=url,
            selection=selection,
            format=format_named(format, options),
            stop=follow,
            batch_size=batch_size,
            event_limit=trajectory_event_limit,
            waiting=waiting,
        )
    with (
        open_lines(output, FEATURES.get(format)) as lines,
        _caught_up(url) as behind,
        open_reader(url) as reader,
        reader.snapshot(),
    ):
        asked = Asked(selection, batch_size, trajectory_event_limit)
        writing = format_named(format, options, reader.records)
        parts = None
        if jobs > 1 and not writing.reads_twice and format not in REMEMBERING:
            work = Work(url, reader.share(), format, options, trajectory_event_limit)
            parts = parts_of(reader, work, selection, batch_size, jobs)
        return replace(export_from(reader, lines, writing, asked, progress, parts), behind=behind)


class Asked(NamedTuple):
    """Which sessions an export is of, and how much of each."""

    selection: Selection
    batch_size: int = DEFAULT_BATCH_SIZE
    event_limit: int | None = None


def export_from(
    source: SessionSource,
    lines: Lines,
    writing: Format,
    asked: Asked,
    progress: Callable[[ExportProgress], None] | None = None,
    parts: Iterator[Part] | None = None,
) -> ExportSummary:
    """Write the sessions that are asked for as lines, and say what was written. ``parts``: lines made elsewhere."""
    selection, batch_size, event_limit = asked
    considered = source.consider(selection)
    if writing.reads_twice:
        _learn(writing, source.sessions(selection, batch_size=batch_size, event_limit=event_limit))
    tally = Tally(lines, writing, considered, selection, progress)
    if parts is not None:
        for part in parts:
            tally.add(*part)
    elif writing.joins_conversations:
        _write_stretches(tally, source, asked)
    else:
        stored = (
            source.sessions(selection, batch_size=batch_size, event_limit=event_limit)
            if writing.reads_rows
            else source.sessions_alone(selection, batch_size=batch_size)
        )
        with closing(stored) as sessions:
            for session in sessions:
                tally.write(session)
    for runs in tally.runs_of_tasks():
        with closing(source.sessions_numbered(runs, batch_size, event_limit)) as sessions:
            tally.write_runs(sessions)
    return tally.summary()


@contextmanager
def _caught_up(url: str) -> Iterator[int]:
    """Sessions that are behind their records are computed first; how many still are."""
    yield catch_up(url)


def _learn(format: Format, stored: Generator[StoredSession, None, None]) -> None:
    with closing(stored) as sessions:
        for session in sessions:
            with suppress(RecordError):  # counted when its lines are made
                format.learn(session)


def _write_stretches(tally: Tally, source: SessionSource, asked: Asked) -> None:
    """Write the sessions of each conversation together, and the others each by itself."""
    with closing(source.stretches(asked.selection, batch_size=asked.batch_size)) as found:
        for stretch in found:
            tally.write_stretch(source, stretch, asked.event_limit)
