"""The records that a dead process left in its spool: read back in batches, and its open spans marked as abandoned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.spool_owner import Owner, tokens
from atlas_otel.delivery.spool_record import unpack_record
from atlas_otel.delivery.spool_segment import Frames, SegmentReader
from atlas_otel.errors import RecordError
from atlas_otel.records.reaping import reaped
from atlas_otel.records.record import RANK_OPEN, EventRecord, Record, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlas_otel.delivery.accounts import Accounts

_NOTHING: Final = Frames([], 0, torn=False)


class OpenSpans:
    """Which spans a sequence of records leaves open, and when its process last gave a sign of life."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[SpanRecord, int]] = {}
        self._ended: set[tuple[str, str]] = set()
        self.last_sign_ns = 0

    def see(self, record: Record, segment: int = 0) -> None:
        """Take one record into account, which stands in the segment with this number."""
        if isinstance(record, EventRecord):
            self.last_sign_ns = max(self.last_sign_ns, record.sequence)
            return
        if record.rank > RANK_OPEN:
            self.last_sign_ns = max(self.last_sign_ns, record.end_ns or record.start_ns)
            self._open.pop(record.key, None)
            self._ended.add(record.key)
            return
        self.last_sign_ns = max(self.last_sign_ns, record.version, record.start_ns)
        known = self._open.get(record.key)
        if record.key not in self._ended and (known is None or known[0].version <= record.version):
            self._open[record.key] = (record, segment)

    @property
    def first_needed(self) -> int | None:
        """The first segment that a span still open was last seen in; None where none is open."""
        return min((segment for _, segment in self._open.values()), default=None)

    def marks(self) -> list[Record]:
        """The reaper's mark for each span that is still open."""
        return [reaped(span, self.last_sign_ns) for span, _ in self._open.values()]


class Adoption:
    """All that one dead owner left, batch by batch.

    A file goes once its records are stored and no span is open that only this file shows; the rest goes at the end.
    So an adopter that dies itself leaves the work to the next one, which stores some records twice: no harm done.
    A file that cannot be read stays, and holds up no other.
    """

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.damaged = 0
        """Records that could not be read back."""
        self.unread: list[Path] = []
        """Files that could not be read, at all or to their end."""
        self._spans = OpenSpans()
        self._segments: list[Path] = owner.segments()
        self._at = 0
        self._deleted = 0
        self._reader: SegmentReader | None = None
        self._marked = False

    def take(self, max_records: int, max_bytes: int) -> list[Record] | None:
        """The next records; None after the last. The ones before must be stored. May raise OSError."""
        while self._at < len(self._segments):
            if self._reader is None:
                self._delete_stored()
            try:
                frames = self._read(max_records, max_bytes)
            except OSError:
                self.unread.append(self._segments[self._at])
                frames = _NOTHING
            if not (frames.payloads or frames.damaged or frames.torn):
                self._close_reader()
                self._at += 1
                continue
            self.damaged += frames.damaged
            records = list(self._decoded(frames.payloads))
            if records:
                return records
        if self._marked:
            return None
        self._marked = True
        return self._spans.marks() or None

    def _read(self, max_records: int, max_bytes: int) -> Frames:
        if self._reader is None:
            self._reader = SegmentReader(self._segments[self._at])
        return self._reader.read(self._reader.size, max_records, max_bytes)

    def _decoded(self, payloads: list[bytes]) -> Iterator[Record]:
        for payload in payloads:
            try:
                record = unpack_record(payload)
            except RecordError:
                self.damaged += 1
                continue
            self._spans.see(record, self._at)
            yield record

    def _delete_stored(self) -> None:
        needed = self._spans.first_needed
        upto = self._at if needed is None else min(needed, self._at)
        self._delete(upto)

    def _delete(self, upto: int) -> None:
        for path in self._segments[self._deleted : upto]:
            if path not in self.unread:
                path.unlink(missing_ok=True)
        self._deleted = max(self._deleted, upto)

    def finish(self) -> None:
        """Everything is stored that could be read: delete the files."""
        self._close_reader()
        if not self.unread:
            self.owner.remove()
            return
        self._delete(len(self._segments))
        self.owner.close()

    def close(self) -> None:
        """Leave the files to another process."""
        self._close_reader()
        self.owner.close()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class Adoptions:
    """What dead processes left in a folder, one after the other; the folder is searched every ``every_s`` seconds."""

    def __init__(self, folder: Path, accounts: Accounts, every_s: float) -> None:
        self._folder = folder
        self._accounts = accounts
        self._every_s = every_s
        self._current: Adoption | None = None
        self._unread: set[str] = set()
        self._next_search = 0.0

    def take(self, max_records: int, max_bytes: int, own: str | None) -> list[Record] | None:
        """The next records of one that died; None where there are none for now. ``own``: this process' token."""
        while self._current is not None or time.monotonic() >= self._next_search:
            if self._current is None:
                self._current = self._dead_owner(own)
            if self._current is None:
                self._next_search = time.monotonic() + self._every_s
                self._unread.clear()
                break
            try:
                records = self._current.take(max_records, max_bytes)
                if records is not None:
                    return records
                # Asked for more, so all batches before are stored.
                self._accounts.adopted(0, self._current.damaged)
                self._current.finish()
                unread = bool(self._current.unread)
            except OSError:  # what is stored cannot be deleted now
                self._current.close()
                unread = True
            if unread:  # at the next search, perhaps; others that died are not held up
                self._unread.add(self._current.owner.token)
            self._current = None
        return None

    def _dead_owner(self, own: str | None) -> Adoption | None:
        for token in tokens(self._folder):
            if token != own and token not in self._unread and (owner := Owner.adopt(self._folder, token)) is not None:
                return Adoption(owner)
        return None

    def search_now(self) -> None:
        """Search at the next take: forked children may have ended just now."""
        self._next_search = 0.0

    def close(self) -> None:
        """Leave what is being adopted to another process."""
        if self._current is not None:
            self._current.close()
