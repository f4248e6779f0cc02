"""The journal in files: what was appended outlives the process, not the machine.

Layout: ``<spool folder>/<hash of the database>/<owner>-<number>.seg`` (``spool_owner``, ``spool_segment``). Records
wait for their own database only. Folders are private to the user (0700), files too (0600).

Policy when full (the folder of this database holds ``max_bytes``, all processes together) or where the disk is: the
newest is refused, and counted; what was accepted stays.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.journal import JournalBatch
from atlas_otel.delivery.refused import add_refused
from atlas_otel.delivery.spool_adoption import Adoptions
from atlas_otel.delivery.spool_folder import DISK_FULL, default_root, make_folder, open_folder
from atlas_otel.delivery.spool_owner import SPARE_SUFFIX, Owner, used_bytes
from atlas_otel.delivery.spool_part import Part
from atlas_otel.delivery.spool_record import pack_record, unpack_record
from atlas_otel.delivery.spool_room import shrink_dead
from atlas_otel.delivery.spool_segment import MAGIC, Frames, Segment, SegmentReader, head_of
from atlas_otel.errors import RecordError, SpoolError
from atlas_otel.process import fork
from atlas_otel.process.file_lock import SURVIVES
from atlas_otel.process.yielding import yielding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlas_otel.delivery.accounts import Accounts, Cause
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import PoisonedRecord

DEFAULT_MAX_BYTES: Final = 1024 * 1024 * 1024
DEFAULT_SEGMENT_BYTES: Final = 4 * 1024 * 1024
_REFUSED_SHARE: Final = 16
"""Which part of the folder's bound the records that no store took may have."""

_RETRY_NS: Final = 1_000_000_000
"""How long a refusal for lack of room stands before the disk is asked again."""
_ADOPT_EVERY_S: Final = 5.0
_KEPT_OPEN: Final = 2
"""How many full segments stay open, so that they can be used again; a backlog must not take descriptors."""
_SHRINK_AT_ONCE: Final = 16
"""Of how many dead processes the segments are cut down to what they hold in one turn, where the folder is full."""
_PAUSE_S: Final = 0.0005
"""Housekeeping lets go of the interpreter this long between slices of its work."""


class SpoolJournal:
    """Appends to segment files; see the module for its promises.

    ``adopt_every_s``: how often the folder is searched for what dead processes left.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        target: str,
        root: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        adopt_every_s: float = _ADOPT_EVERY_S,
    ) -> None:
        """Make the folder (SpoolError where that fails); files come with the first record."""
        if not SURVIVES:
            raise SpoolError("this system has no locks that end with the process that holds them")
        self.durable = True
        self._accounts = accounts
        self._root, self._target = root or default_root(), target
        self.folder = open_folder(self._root, target)
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes)
        self._adopt_every_s = adopt_every_s
        self._owner: Owner | None = None
        self._reset()

    def _reset(self) -> None:
        self._lock = fork.lock()
        self._writing = False
        self._deferred: list[tuple[Record, bytes, bytes]] = []
        self._parts: deque[Part] = deque()
        self._current: Part | None = None
        self._spare: Segment | None = None
        self._number = 0
        self._accepted = 0
        self._refusing: tuple[Cause, int] | None = None
        self._rotated = False
        self._closed = False
        self._reader: SegmentReader | None = None
        self._taken = 0
        self._acknowledged = 0
        self._adoption = Adoptions(self.folder, self._accounts, self._adopt_every_s)
        self.idle = True

    # --- on the agent's threads ----------------------------------------------------------------------------------

    @property
    def accepted(self) -> int:
        """How many records this process has written."""
        return self._accepted

    def append(self, record: Record) -> bool:
        """Encode a record and write it to the current segment, before returning."""
        try:
            data = pack_record(record)
            head = head_of(data)
        except RecordError:
            self._accounts.refused(record, "unencodable")
            return False
        with self._lock:
            if self._writing:
                # We interrupted ourselves: this thread was amid an append when a signal handler or a finalizer ran.
                # The frame follows as soon as that append is done.
                self._deferred.append((record, head, data))
                return True
            self._writing = True
            try:
                accepted = self._write(record, head, data)
                while self._deferred:
                    self._write(*self._deferred.pop(0))
            finally:
                self._writing = False
            return accepted

    def _write(self, record: Record, head: bytes, data: bytes) -> bool:
        try:
            part = self._current
            size = len(head) + len(data)
            if part is None or not part.segment.fits(size):
                cause = self._rotate(size)
                if cause is not None:
                    self._accounts.refused(record, cause)
                    return False
                part = self._current
                assert part is not None
            segment = part.segment
            segment.write(head, data)
            self._accounts.accepted(record)
            part.took(record, self._accepted + 1)
            self._accepted = part.upto
        except OSError as error:
            self._accounts.refused(record, _cause(error))
            return False
        except BaseException:
            self._finish_write(record)
            raise
        return True

    def _finish_write(self, record: Record) -> None:
        """A signal's handler raised amid a write (Ctrl-C, a timeout): what is in the file whole is accepted all the
        same, since the next process would store it too; the rest of it is overwritten."""
        part = self._current
        if part is None:
            return
        if part.segment.tail > part.tail:
            if not self._accounts.knows(record):
                self._accounts.accepted(record)
            part.took(record, self._accepted + 1)
        if part.upto > self._accepted:
            self._accepted = part.upto

    def _rotate(self, size: int) -> Cause | None:
        """Go on in another segment, one that takes ``size`` bytes; why not, where there is none."""
        if self._closed:
            return "shutdown"
        now = time.monotonic_ns()
        if self._refusing is not None and now < self._refusing[1]:
            return self._refusing[0]
        try:
            segment = self._next_segment(size)
        except OSError as error:
            cause = _cause(error)
            segment = None
        else:
            cause = "spool_full"
        if segment is None:
            self._refusing = (cause, now + _RETRY_NS)
            return cause
        self._refusing = None
        if self._current is not None:
            self._rotated = True
        self._current = Part(segment.path, segment)
        self._parts.append(self._current)
        return None

    def _next_segment(self, size: int) -> Segment | None:
        owner = self._owner
        if owner is None:
            make_folder(self._root, self._target)  # at the start there may have been no room for it
            owner = self._owner = Owner.create(self.folder)
        self._number += 1
        path = owner.path(self._number)
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.fits(size):
                spare.rename(path)
                return spare
            self._spare = spare
        wanted = max(self._segment_bytes, len(MAGIC) + size)
        if used_bytes(self.folder) + wanted > self._max_bytes:
            return None
        return Segment(path, wanted)

    # --- on the drain thread -------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have a spare segment ready once the current one is half full; hold few full ones open."""
        parts = list(self._parts)
        for part in parts[_KEPT_OPEN:]:
            if part is not self._current:
                part.segment.close()
        self._give_up_full()
        if self._refusing is not None and self._refusing[0] == "spool_full":
            shrink_dead(self.folder, _SHRINK_AT_ONCE)
        current, owner = self._current, self._owner
        if current is None or owner is None or self._closed or self._spare is not None or self._refusing is not None:
            return
        if current.tail < current.segment.size // 2:
            return
        if used_bytes(self.folder) + self._segment_bytes > self._max_bytes:
            return
        with contextlib.suppress(OSError):  # no room: the append that needs it says so
            spare = Segment(owner.path(self._number, SPARE_SUFFIX), self._segment_bytes)
            with self._lock:
                self._spare = spare

    def _give_up_full(self) -> None:
        """Where no further segment can be had, the current one is emptied once it is stored, and used again."""
        reader = self._reader
        if self._refusing is None or reader is None or self._acknowledged < self._accepted:
            return
        with self._lock:
            if self._current is not None and reader.position >= self._current.tail:
                self._leave_current()

    def _leave_current(self) -> None:
        """The next record goes into another segment."""
        with self._lock:
            self._current = None
            self._rotated = True

    @property
    def checkpoint_due(self) -> bool:
        """Whether another segment was begun since the last look.

        Open spans are then shown in it again: the one before is deleted once it is stored, and who adopts what is left
        has to know which spans were open.
        """
        due, self._rotated = self._rotated, False
        return due

    def take(self, max_records: int, max_bytes: int) -> JournalBatch | None:
        """The oldest records of this process; where there are none, those of a dead one."""
        while self._parts and not self._closed:
            part = self._parts[0]
            full = part is not self._current
            try:
                if self._reader is None:
                    self._reader = SegmentReader(part.path)
                limit = part.tail
                if self._reader.position < limit:
                    frames = self._reader.read(limit, max_records, max_bytes)
                    if not (frames.payloads or frames.damaged or frames.torn):
                        raise OSError(errno.EIO, "data written earlier is missing")
                    if frames.damaged and part is self._current:
                        self._leave_current()  # how many records it has lost is known at its end
                    return self._decoded(part, frames)
            except OSError:  # somebody deleted the file, or cut it short
                with self._lock:
                    full = True
                    if part is self._current:
                        self._current = None
            if not full:
                break
            self._delete_first()
        if self._closed:
            return None
        own = self._owner.token if self._owner is not None else None
        records = self._adoption.take(max_records, max_bytes, own)
        return JournalBatch(records, adopted=True) if records is not None else None

    def _decoded(self, part: Part, frames: Frames) -> JournalBatch:
        batch = JournalBatch([], size=sum(map(len, frames.payloads)))
        for payload in yielding(frames.payloads):
            with contextlib.suppress(RecordError):
                record = unpack_record(payload)
                batch.records.append(record)
                part.gave(record)
        self._taken += len(frames.payloads) + frames.damaged
        batch.upto = self._taken
        return batch

    def ack(self, batch: JournalBatch) -> None:
        """A segment goes when its last record is stored; the current one stays for what is to come."""
        if batch.adopted:
            return
        self._acknowledged = batch.upto
        if self._parts and self._reader is not None:
            part = self._parts[0]
            if part is not self._current and self._reader.position >= part.tail:
                self._delete_first()

    def set_aside(self, poisoned: Sequence[PoisonedRecord]) -> None:
        """Add them to ``refused.jsonl``, one a line with the reason: ``atlas-otel refused`` shows and replays them."""
        try:
            if not add_refused(self.folder, poisoned, self._max_bytes // _REFUSED_SHARE):
                self._accounts.absorbed("set_aside")
        except (OSError, RecordError):
            self._accounts.absorbed("set_aside")

    def _delete_first(self) -> None:
        with self._lock:
            part = self._parts.popleft()
            self._accounts.lost(part.spans, part.events, "spool_error")
            self._taken = self._acknowledged = part.upto
            self._refusing = None  # there is room again
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        with contextlib.suppress(OSError):
            if not self._recycle(part.segment):
                part.path.unlink()
        if part.segment is not self._spare:
            part.segment.close()

    def _recycle(self, segment: Segment) -> bool:
        """Make a segment that is stored the spare one: it has its blocks, and its pages are in memory."""
        owner = self._owner
        if self._closed or self._spare is not None or owner is None:
            return False
        if not segment.open or segment.size != self._segment_bytes:
            return False
        segment.rename(owner.path(self._number, SPARE_SUFFIX))
        for _ in segment.wipe():
            time.sleep(_PAUSE_S)
        with self._lock:
            self._spare = segment
        return True

    def adopt_now(self) -> None:
        """Search for what dead processes left at the next take: forked children may have ended just now."""
        self._adoption.search_now()

    # --- life ----------------------------------------------------------------------------------------------------

    def close(self, *, unfinished: bool = False) -> None:
        """Refuse what comes from now on. What is not stored stays for the next process; without such, nothing stays.

        ``unfinished``: everything is left, and the lock held until this process ends, so that the next one marks the
        spans that are still open as abandoned. Idempotent.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            left = self._acknowledged < self._accepted
            self._current = None
            for part in self._parts:
                part.segment.shrink()
                part.segment.close()
                if not left:  # all that could be read back was
                    self._accounts.lost(part.spans, part.events, "spool_error")
            if self._spare is not None:
                self._spare.close()
                with contextlib.suppress(OSError):
                    self._spare.path.unlink()
                self._spare = None
            if self._owner is None:
                return
            if left:
                self._owner.close()
            elif not unfinished:
                self._owner.remove()

    def after_fork(self) -> None:
        """In a forked child: close our copies of the parent's files, and begin with files of our own."""
        for segment in (*(part.segment for part in self._parts), *((self._spare,) if self._spare else ())):
            with contextlib.suppress(OSError, BufferError):
                segment.close()
        for file in (self._reader, self._owner):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        with contextlib.suppress(OSError):
            self._adoption.close()
        self._owner = None
        self._reset()


def _cause(error: OSError) -> Cause:
    return "disk_full" if error.errno in DISK_FULL else "spool_error"
