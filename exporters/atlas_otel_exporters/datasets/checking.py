"""Whether a dataset still is what the database says: its files, its rows' spans, what became of their sessions."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast

import orjson

from atlas_otel.errors import UsageError
from atlas_otel_exporters.datasets.manifest import content_of, read_lineage, read_manifest
from atlas_otel_exporters.datasets.shards import file_hash
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.training.options import options_of
from atlas_otel_exporters.training.recorded import read_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from atlas_otel_exporters.datasets.manifest import Manifest, Traced
    from atlas_otel_exporters.formats import Format, FormatName
    from atlas_otel_exporters.read import SessionReader
    from atlas_otel_exporters.stored import StoredSession

Cause: TypeAlias = Literal[
    "file changed", "file missing", "session erased", "session quarantined", "re-scored", "span missing", "row changed"
]
QUARANTINED: Final = "quarantined"
_AT_ONCE: Final = 100


class Finding(NamedTuple):
    """Something that is no longer so. ``rows`` counts the rows that it is about; of a file, all of them."""

    cause: Cause
    what: str
    rows: int


def check_dataset(folder: Path, *, database_url: str) -> Iterator[Finding]:
    """What differs between the dataset in ``folder`` and the database.

    Raises UsageError where ``folder`` holds no dataset, StoreError where the database cannot be read.
    """
    manifest = read_manifest(folder)
    yield from _check_files(folder, manifest)

    def made_by() -> Format:
        return format_named(cast("FormatName", manifest.format), options_of(manifest.options))

    with open_reader(database_url) as reader, reader.snapshot():
        for rows in _by_session(folder):
            yield from _check_sessions(reader, rows, made_by)


def _check_files(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            yield Finding("file missing", file.path, file.rows)
        elif file_hash(path) != file.sha256:
            yield Finding("file changed", file.path, file.rows)


def _by_session(folder: Path) -> Iterator[dict[str, list[Traced]]]:
    """The rows of some sessions at a time, by the session's key, else its number."""
    found: dict[str, list[Traced]] = {}
    for row in read_lineage(folder):
        name = row.session_key or str(row.session_id)
        if name not in found and len(found) == _AT_ONCE:
            yield found
            found = {}
        found.setdefault(name, []).append(row)
    if found:
        yield found


def _check_sessions(
    reader: SessionReader, rows: dict[str, list[Traced]], made_by: Callable[[], Format]
) -> Iterator[Finding]:
    numbers = reader.known(list(rows))
    for name in rows:
        if name not in numbers:
            yield Finding("session erased", name, len(rows[name]))
    names = {number: name for name, number in numbers.items()}
    with closing(reader.sessions_numbered(sorted(names), _AT_ONCE)) as stored:
        for session in stored:
            yield from _check_session(names[session.id], session, rows[names[session.id]], made_by)


def _check_session(
    name: str, session: StoredSession, rows: Sequence[Traced], made_by: Callable[[], Format]
) -> Iterator[Finding]:
    if (session.review_status or "").lower() == QUARANTINED:
        yield Finding("session quarantined", name, len(rows))
    read = read_session(session)
    if changed := [row for row in rows if row.reward != read.run.reward]:
        yield Finding("re-scored", f"{name}: {changed[0].reward} then, {read.run.reward} now", len(changed))
        return
    recorded = {turn.span_id for turn in read.turns}
    # Of a pair of two runs, the other side's span is the other session's.
    if lost := [row for row in rows if row.span_ids and not recorded & set(row.span_ids)]:
        yield Finding("span missing", f"{name}: {', '.join(lost[0].span_ids)}", len(lost))
    now = {content_of(orjson.loads(line)) for line, _ in made_by().traced(session)}
    alone = [row for row in rows if row.span_ids and recorded >= set(row.span_ids)]
    if changed := [row for row in alone if row.content not in now]:
        yield Finding("row changed", f"{name}: {', '.join(changed[0].span_ids)}", len(changed))


class Difference(NamedTuple):
    """How two datasets differ: rows by what they say, sessions by their names."""

    only_first: int
    only_second: int
    both: int
    moved: int
    """Rows that stand in another split."""
    sessions_only_first: Sequence[str]
    sessions_only_second: Sequence[str]
    settings: Sequence[str]
    """What was asked otherwise, a line each."""


def compare_datasets(first: Path, second: Path) -> Difference:
    """Compare two datasets by their rows. Raises UsageError where one of the folders holds none."""
    one, other = read_manifest(first), read_manifest(second)
    if one.format != other.format:
        raise UsageError(
            f"{first} is of the format {one.format}, {second} of {other.format}: their rows do not compare"
        )
    rows = {row.content: row.split for row in read_lineage(first)}
    sessions = {row.session_key or str(row.session_id) for row in read_lineage(first)}
    both = moved = only_second = 0
    others: set[str] = set()
    for row in read_lineage(second):
        others.add(row.session_key or str(row.session_id))
        split = rows.pop(row.content, None)
        both += split is not None
        moved += split is not None and split != row.split
        only_second += split is None
    return Difference(
        only_first=len(rows),
        only_second=only_second,
        both=both,
        moved=moved,
        sessions_only_first=sorted(sessions - others),
        sessions_only_second=sorted(others - sessions),
        settings=list(_settings(one, other)),
    )


def _settings(one: Manifest, other: Manifest) -> Iterator[str]:
    for what in ("selection", "options", "database", "writer"):
        before, after = getattr(one, what), getattr(other, what)
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    yield f"{what}.{key}: {before.get(key)} / {after.get(key)}"
        elif before != after:
            yield f"{what}: {before} / {after}"
