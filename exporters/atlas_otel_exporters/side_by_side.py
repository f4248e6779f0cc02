"""Lines of an export, made in several processes that see the database as it was at one moment, and written in order."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.process.garbage import collected_seldom
from atlas_otel.process.jobs import results_in_order
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.source import Stretch
from atlas_otel_exporters.tally import Counts, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel_exporters.formats import FormatName
    from atlas_otel_exporters.read import SessionReader
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.training.options import RowOptions

MOST_AT_ONCE = 50
"""Sessions whose lines one process makes before it hands them over."""


class Work(NamedTuple):
    """What every process has to know. ``snapshot``: the moment, as the server names it."""

    url: str
    snapshot: str
    format: FormatName
    options: RowOptions | None
    event_limit: int | None


class Part(NamedTuple):
    """The lines of some sessions, and what became of these."""

    lines: list[bytes]
    counts: Counts


class _Kept:
    """Lines that are handed over."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.bytes_written = 0

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def flush(self) -> None: ...


def parts_of(reader: SessionReader, work: Work, selection: Selection, batch_size: int, jobs: int) -> Iterator[Part]:
    """The parts of an export, in its order. ``reader`` has the snapshot that ``work`` names."""
    size = min(batch_size, MOST_AT_ONCE)
    joins = format_named(work.format, work.options, reader.records).joins_conversations
    stretches = (
        reader.stretches(selection, batch_size=size)
        if joins
        else (Stretch(page, joined=False) for page in reader.pages(selection, size))
    )
    with closing(stretches):
        yield from results_in_order(partial(_make, work), stretches, jobs)


def _make(work: Work, stretch: Stretch) -> Part:
    reader = _reader(work.url, work.snapshot)
    kept = _Kept()
    tally = Tally(kept, format_named(work.format, work.options, reader.records))
    tally.write_stretch(reader, stretch, work.event_limit)
    return Part(kept.lines, tally.counts)


@lru_cache(maxsize=1)
def _reader(url: str, snapshot: str) -> SessionReader:
    """This process' reader: opened once, and kept until the process ends."""
    _open.enter_context(collected_seldom())
    reader = _open.enter_context(open_reader(url))
    _open.enter_context(reader.snapshot(snapshot))
    return reader


_open = ExitStack()
