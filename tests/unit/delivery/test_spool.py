"""The spool: real files, bounded, private, read back by the same process or the next one."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from atlas_otel import semconv
from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.delivery.spool_folder import default_root, target_folder
from atlas_otel.delivery.spool_owner import Owner, identity_of, lives, tokens, used_bytes
from atlas_otel.errors import SpoolError
from atlas_otel.records.record import (
    RANK_ENDED,
    RANK_OPEN,
    RANK_REAPED,
    EventRecord,
    Record,
    SpanRecord,
    encode_record,
    merge_spans,
)
from tests.support.records import make_span

TARGET = "database atlas at db.example"


def _span(number: int, text: str = "", rank: int = RANK_ENDED) -> SpanRecord:
    end = 2_000 + number if rank == RANK_ENDED else None
    return make_span(span_id=f"{number:016x}", session_key="5" * 32, end_ns=end, attributes={"t": text}, rank=rank)


class _Spool:
    """A journal with its accounts, used as a recorder and a drain use it."""

    def __init__(self, root: Path, **options) -> None:
        self.accounts = Accounts()
        options.setdefault("segment_bytes", 64 * 1024)
        options.setdefault("adopt_every_s", 0.0)
        self.journal = SpoolJournal(self.accounts, target=TARGET, root=root, **options)

    def append(self, record: Record) -> bool:
        if isinstance(record, EventRecord):
            self.accounts.event_started()
        elif record.rank > RANK_OPEN:
            self.accounts.span_started()
        return self.journal.append(record)

    def store_all(self, max_records: int = 50) -> list[Record]:
        stored: list[Record] = []
        while (batch := self.journal.take(max_records, 1 << 20)) is not None:
            stored += batch.records
            self.journal.ack(batch)
            if not batch.adopted:
                self.accounts.stored(len([r for r in batch.records if r.rank > RANK_OPEN]), 0)
            self.journal.prepare()
        return stored

    def files(self) -> list[str]:
        return sorted(path.name for path in self.journal.folder.iterdir() if path.name != "target")


def _same(found, expected) -> bool:
    return [encode_record(record) for record in found] == [encode_record(record) for record in expected]


def _ids(records) -> list[int]:
    return [int(record.span_id, 16) for record in records]


def test_what_goes_in_comes_out_over_many_segments_and_leaves_no_file(tmp_path):
    spool = _Spool(tmp_path)
    for number in range(500):
        assert spool.append(_span(number, "x" * 1000))
    assert len([f for f in spool.files() if f.endswith(".seg")]) > 5
    stored = spool.store_all()
    assert _same(stored, [_span(number, "x" * 1000) for number in range(500)])
    spool.journal.close()
    assert spool.files() == []
    now = spool.accounts.snapshot()
    assert now.balances
    assert now.spans.stored == 500


def test_segments_are_deleted_once_stored_and_not_before(tmp_path):
    spool = _Spool(tmp_path)
    for number in range(200):
        spool.append(_span(number, "x" * 1000))
    segments = [f for f in spool.files() if f.endswith(".seg")]
    batch = spool.journal.take(10_000, 1 << 20)
    assert batch is not None
    assert [f for f in spool.files() if f.endswith(".seg")] == segments
    spool.journal.ack(batch)
    assert [f for f in spool.files() if f.endswith(".seg")] == segments[1:]


def test_appending_and_storing_in_turns_uses_the_same_files_again(tmp_path):
    spool = _Spool(tmp_path)
    stored = []
    for number in range(1000):
        spool.append(_span(number, "x" * 1000))
        if number % 20 == 19:
            stored += spool.store_all()
            assert used_bytes(spool.journal.folder) <= 3 * 64 * 1024
    assert _ids(stored) == list(range(1000))
    assert spool.accounts.snapshot().balances


def test_folders_and_files_are_private(tmp_path):
    before = os.umask(0)
    try:
        spool = _Spool(tmp_path / "a" / "b")
        spool.append(_span(1))
    finally:
        os.umask(before)
    for path in (tmp_path / "a" / "b", spool.journal.folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in spool.journal.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert (spool.journal.folder / "target").read_text() == TARGET + "\n"


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="ATLAS_OTEL_SPOOL_DIR"):
        SpoolJournal(Accounts(), target=TARGET, root=tmp_path / "file" / "spool")


def test_the_root_comes_from_the_environment_else_from_the_users_state_folder(tmp_path):
    assert default_root({"ATLAS_OTEL_SPOOL_DIR": str(tmp_path)}) == tmp_path
    assert default_root({"ATLAS_OTEL_SPOOL_DIR": "~/x"}) == Path.home() / "x"
    assert default_root({}).parts[-2:] == ("atlas-otel", "spool")


def test_a_full_spool_refuses_the_newest_and_takes_again_once_some_is_stored(tmp_path):
    spool = _Spool(tmp_path, max_bytes=256 * 1024)
    accepted = [spool.append(_span(number, "x" * 1000)) for number in range(400)]
    kept = accepted.index(False)
    assert 150 < kept < 256
    assert not any(accepted[kept:])
    assert used_bytes(spool.journal.folder) <= 256 * 1024
    assert _ids(spool.store_all()) == list(range(kept))
    assert spool.append(_span(1000))
    now = spool.accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"spool_full": 400 - kept}


def test_the_bound_is_for_all_processes_together(tmp_path):
    first, second = _Spool(tmp_path, max_bytes=128 * 1024), _Spool(tmp_path, max_bytes=128 * 1024)
    assert first.append(_span(1))
    assert second.append(_span(2))
    while first.append(_span(3, "x" * 1000)):
        pass
    while second.append(_span(4, "x" * 1000)):
        pass
    assert used_bytes(first.journal.folder) <= 128 * 1024
    assert first.accounts.snapshot().balances
    assert second.accounts.snapshot().balances


def test_a_record_larger_than_a_segment_gets_one_of_its_size(tmp_path):
    spool = _Spool(tmp_path)
    records = [_span(1), _span(2, "y" * 500_000), _span(3)]
    for record in records:
        assert spool.append(record)
    assert _same(spool.store_all(), records)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_is_counted_and_asked_again_only_after_a_while(tmp_path, monkeypatch, number):
    spool = _Spool(tmp_path)
    asked = []

    def full(fd, offset, size):
        asked.append(size)
        raise OSError(number, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        assert not any(spool.append(_span(n)) for n in range(100))
    assert len(asked) == 1, "the disk is not asked at every call"
    assert spool.accounts.snapshot().spans.dropped == {"disk_full": 100}
    monkeypatch.setattr("atlas_otel.delivery.spool._RETRY_NS", 0)
    spool.journal._refusing = None
    assert spool.append(_span(100))
    assert spool.accounts.snapshot().balances


def test_a_real_file_size_limit_is_no_signal_and_no_exception(tmp_path):
    """RLIMIT_FSIZE stands in for a quota: the kernel refuses to let the file grow."""
    program = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        from atlas_otel.delivery.accounts import Accounts
        from atlas_otel.records.record import EventRecord
        from atlas_otel.delivery.spool import SpoolJournal
        accounts = Accounts()
        journal = SpoolJournal(accounts, target="t", root=Path({str(tmp_path)!r}), segment_bytes=1 << 20)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        for i in range(10):
            accounts.event_started()
            assert not journal.append(EventRecord("1" * 32, "2" * 16, i, None, "e", "{{}}"))
        assert accounts.snapshot().events.dropped == {{"disk_full": 10}}, accounts.snapshot()
    """)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_is_no_json_is_refused_and_counted(tmp_path):
    spool = _Spool(tmp_path)
    assert not spool.append(_span(1)._replace(attributes={"a": object()}))  # type: ignore[dict-item]
    now = spool.accounts.snapshot()
    assert now.balances
    assert now.spans.dropped == {"unencodable": 1}


def test_an_append_that_interrupts_an_append_of_its_own_thread_is_written_after_it(tmp_path):
    """A signal handler or a finalizer may end a span while this thread is amid an append."""
    spool = _Spool(tmp_path)
    spool.append(_span(0))
    segment = spool.journal._current.segment
    write = segment.write

    def interrupted(head: bytes, data: bytes) -> None:
        segment.write = write
        assert spool.append(_span(2))
        write(head, data)

    segment.write = interrupted
    assert spool.append(_span(1))
    assert _ids(spool.store_all()) == [0, 1, 2]
    assert spool.accounts.snapshot().balances


def test_threads_append_while_another_stores(tmp_path):
    spool = _Spool(tmp_path)
    stored: list[Record] = []
    done = threading.Event()

    def drain() -> None:
        while not done.is_set():
            stored.extend(spool.store_all())

    def work(first: int) -> None:
        for number in range(first, first + 500):
            assert spool.append(_span(number, "x" * 300))

    drainer = threading.Thread(target=drain)
    writers = [threading.Thread(target=work, args=(n * 500,)) for n in range(4)]
    for thread in (drainer, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    drainer.join()
    stored.extend(spool.store_all())
    assert sorted(_ids(stored)) == list(range(2000))
    assert spool.accounts.snapshot().balances


def test_files_that_somebody_deletes_are_a_counted_loss(tmp_path):
    spool = _Spool(tmp_path)
    for number in range(200):
        spool.append(_span(number, "x" * 1000))
    for path in spool.journal.folder.glob("*.seg"):
        path.unlink()
    spool.store_all()
    assert spool.append(_span(1000))
    assert _ids(spool.store_all()) == [1000]
    now = spool.accounts.snapshot()
    assert now.balances
    assert now.spans.dropped["spool_error"] == 200


# --- what dead processes leave ---------------------------------------------------------------------------------------


def _die(spool: _Spool) -> None:
    """What the kernel does when a process dies: its descriptors go, its files stay."""
    assert spool.journal._owner is not None
    spool.journal._owner.close()


def test_the_next_journal_stores_what_a_dead_one_left(tmp_path):
    dead = _Spool(tmp_path)
    for number in range(300):
        dead.append(_span(number, "x" * 1000))
    _die(dead)
    living = _Spool(tmp_path)
    living.append(_span(1000))
    assert _ids(living.store_all()) == [1000, *range(300)]
    assert tokens(living.journal.folder) == [living.journal._owner.token]
    assert living.accounts.snapshot().balances


def test_a_living_journal_is_left_alone(tmp_path):
    first, second = _Spool(tmp_path), _Spool(tmp_path)
    first.append(_span(1))
    assert second.store_all() == []
    token = first.journal._owner.token
    assert lives(first.journal.folder, token)
    assert identity_of(first.journal.folder, token).pid == os.getpid()
    assert _ids(first.store_all()) == [1]


def test_another_databases_records_are_left_alone(tmp_path):
    dead = _Spool(tmp_path)
    dead.append(_span(1))
    _die(dead)
    other = SpoolJournal(Accounts(), target="database b at db.example", root=tmp_path, adopt_every_s=0.0)
    assert other.take(10, 1 << 20) is None
    assert target_folder(tmp_path, TARGET) != other.folder


def test_open_spans_of_a_dead_process_are_marked_as_abandoned_at_its_last_sign_of_life(tmp_path):
    dead = _Spool(tmp_path)
    running = _span(1, "the task", rank=RANK_OPEN)._replace(start_ns=1_000, version=1_500)
    dead.append(running)
    dead.append(_span(2, rank=RANK_OPEN))
    dead.append(_span(2))
    dead.append(EventRecord("1" * 32, "1".zfill(16), 9_000, None, "e", "{}"))
    _die(dead)
    living = _Spool(tmp_path)
    *records, mark = living.store_all()
    assert len(records) == 4
    assert mark.rank == RANK_REAPED
    assert mark.span_id == running.span_id
    assert mark.end_ns == 9_000
    assert mark.status == 2
    assert mark.attributes["t"] == "the task"
    assert mark.attributes[semconv.ATLAS_UNFINISHED] == "abandoned"
    ended = running._replace(rank=RANK_ENDED, end_ns=5_000, version=5_000)
    assert merge_spans(mark, running) == mark
    assert merge_spans(mark, ended) == ended


def test_an_adopter_that_dies_leaves_everything_to_the_next_one(tmp_path):
    dead = _Spool(tmp_path)
    for number in range(200):
        dead.append(_span(number, "x" * 1000))
    _die(dead)
    first = _Spool(tmp_path)
    batch = first.journal.take(50, 1 << 20)
    assert batch is not None
    assert batch.adopted
    assert _Spool(tmp_path).store_all() == [], "held by the first"
    first.journal._adoption.close()
    assert _ids(_Spool(tmp_path).store_all()) == list(range(200))


def test_segments_whose_lock_file_is_gone_are_stored_too(tmp_path):
    dead = _Spool(tmp_path)
    dead.append(_span(1))
    _die(dead)
    next(dead.journal.folder.glob("*.lock")).unlink()
    assert _ids(_Spool(tmp_path).store_all()) == [1]


def test_a_torn_last_record_was_never_promised_and_is_not_counted(tmp_path):
    dead = _Spool(tmp_path)
    dead.append(_span(1))
    dead.append(_span(2))
    tail = dead.journal._current.tail
    path = dead.journal._current.path
    _die(dead)
    with path.open("r+b") as file:
        file.seek(tail - 20)
        file.write(bytes(20))
    living = _Spool(tmp_path)
    assert _ids(living.store_all()) == [1]
    assert living.accounts.snapshot().adopted_dropped == 0


def test_a_damaged_record_is_counted_and_the_rest_stored(tmp_path):
    dead = _Spool(tmp_path)
    for number in range(3):
        dead.append(_span(number, "x" * 100))
    path = dead.journal._current.path
    _die(dead)
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    living = _Spool(tmp_path)
    assert _ids(living.store_all()) == [1, 2]
    assert living.accounts.snapshot().adopted_dropped == 1


def test_an_owner_is_adopted_by_one_only(tmp_path):
    dead = _Spool(tmp_path)
    dead.append(_span(1))
    token = dead.journal._owner.token
    _die(dead)
    first = Owner.adopt(dead.journal.folder, token)
    assert first is not None
    assert Owner.adopt(dead.journal.folder, token) is None
    first.remove()
    assert tokens(dead.journal.folder) == []


# --- the end ----------------------------------------------------------------------------------------------------------


def test_closing_leaves_what_is_not_stored_to_the_next(tmp_path):
    spool = _Spool(tmp_path)
    spool.append(_span(1))
    spool.append(_span(2))
    batch = spool.journal.take(1, 1 << 20)
    spool.journal.ack(batch)
    spool.accounts.stored(1, 0)
    batch = spool.journal.take(1, 1 << 20)
    assert _ids(batch.records) == [2]
    spool.journal.close()
    spool.journal.close()
    assert not spool.append(_span(3))
    now = spool.accounts.snapshot()
    assert now.balances
    assert now.spans.spooled == 1
    assert now.spans.dropped == {"shutdown": 1}
    assert 2 in _ids(_Spool(tmp_path).store_all())


def test_closing_with_open_spans_keeps_them_for_whoever_marks_them(tmp_path):
    spool = _Spool(tmp_path)
    spool.append(_span(1, rank=RANK_OPEN))
    spool.store_all()
    spool.journal.close(unfinished=True)
    living = _Spool(tmp_path)
    assert living.store_all() == [], "the process still lives"
    _die(spool)
    assert [record.rank for record in living.store_all()] == [RANK_OPEN, RANK_REAPED]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads, 3.12+
def test_a_forked_child_touches_nothing_of_its_parents(tmp_path):
    spool = _Spool(tmp_path)
    for number in range(100):
        spool.append(_span(number, "x" * 1000))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            spool.accounts.reset()
            spool.journal.after_fork()
            assert spool.append(_span(1000))
            assert _ids(spool.store_all()) == [1000]
            spool.journal.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lives(spool.journal.folder, spool.journal._owner.token), "the child closed its copy of the lock only"
    assert _ids(spool.store_all()) == list(range(100))
    spool.journal.close()
    assert spool.files() == []


@pytest.mark.parametrize("open_first", [False, True])
def test_an_adopted_segment_goes_once_no_open_span_needs_it(tmp_path, open_first):
    """So that a long backlog shrinks even where no adopter lives long enough to store all of it."""
    dead = _Spool(tmp_path)
    if open_first:
        dead.append(_span(1, rank=RANK_OPEN))
    for number in range(10, 410):
        dead.append(_span(number, "x" * 1000))
    before = len([f for f in dead.files() if f.endswith(".seg")])
    _die(dead)
    heir = _Spool(tmp_path)
    for _ in range(10):  # a short life: some batches, and the end
        heir.journal.ack(heir.journal.take(20, 1 << 20))
    heir.journal._adoption.close()
    after = len([f for f in dead.files() if f.endswith(".seg")])
    assert after == before if open_first else after < before - 1
    rest = _Spool(tmp_path).store_all()
    assert (rest[-1].rank == RANK_REAPED) is open_first
    assert [f for f in dead.files() if f.endswith((".seg", ".lock"))] == []
