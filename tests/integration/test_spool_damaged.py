"""Files that are damaged while their process lives: what cannot be read back is counted, the rest is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.errors import SpoolError
from atlas_otel.records.record import EventRecord
from atlas_otel.records.store import PoisonedRecord
from tests.support.memory_store import MemoryStore


def _append(journal: SpoolJournal, accounts: Accounts, number: int) -> None:
    accounts.event_started()
    text = f'"record {number:06d} {"x" * 300}"'
    assert journal.append(EventRecord("1" * 32, "2" * 16, number, None, "e", text))


def _store(journal: SpoolJournal, accounts: Accounts) -> list[int]:
    """What the drain does, with a store that takes all."""
    stored = []
    while (batch := journal.take(100, 1 << 20)) is not None:
        stored += [record.sequence for record in batch.records if isinstance(record, EventRecord)]
        accounts.stored(0, len(batch.records))
        journal.ack(batch)
    return stored


@pytest.mark.parametrize("number", [5, 2_000], ids=["one segment", "many"])
def test_a_damaged_record_of_a_living_process_is_counted(tmp_path: Path, number: int) -> None:
    accounts = Accounts()
    journal = SpoolJournal(accounts, target="t", root=tmp_path, segment_bytes=64 * 1024)
    for one in range(number):
        _append(journal, accounts, one)
    damaged = {1, number - 2}
    for path in journal.folder.glob("*.seg"):
        data = bytearray(path.read_bytes())
        for one in damaged:
            if (at := data.find(f"record {one:06d}".encode())) >= 0:
                with path.open("r+b") as file:
                    file.seek(at)
                    file.write(b"RECORD")
    stored = _store(journal, accounts)
    assert set(range(number)) - set(stored) == damaged
    _append(journal, accounts, number)
    assert _store(journal, accounts) == [number], "what comes after it is not held up"
    journal.close()
    now = accounts.snapshot()
    assert now.balances
    assert (now.events.stored, now.events.spooled, dict(now.events.dropped)) == (number - 1, 0, {"spool_error": 2})
    assert not list(journal.folder.glob("*.seg"))


def _dead(root: Path, numbers: range) -> Path:
    """What a process leaves that dies before anything is stored: its only segment."""
    journal = SpoolJournal(Accounts(), target="t", root=root, segment_bytes=64 * 1024)
    for number in numbers:
        _append(journal, Accounts(), number)
    assert journal._owner is not None
    path = journal._owner.path(1)
    journal.after_fork()  # lets go of its lock, and leaves its files
    return path


def _adopted(root: Path) -> list[int]:
    journal = SpoolJournal(Accounts(), target="t", root=root)
    stored = []
    while (batch := journal.take(100, 1 << 20)) is not None:
        assert batch.adopted
        stored += [record.sequence for record in batch.records if isinstance(record, EventRecord)]
    journal.close()
    return sorted(stored)


def test_a_damaged_header_costs_no_record(tmp_path: Path) -> None:
    path = _dead(tmp_path, range(50))
    with path.open("r+b") as file:
        file.write(b"\xff" * 8)
    assert [owner.records for target in status(tmp_path) for owner in target.owners] == [50]
    assert _adopted(tmp_path) == list(range(50))
    assert not path.exists()


def test_what_another_version_wrote_is_left_to_it(tmp_path: Path) -> None:
    path = _dead(tmp_path, range(50))
    with path.open("r+b") as file:
        file.write(b"ATLSPL9\n")
    assert _adopted(tmp_path) == []
    done = replay(MemoryStore(), "t", tmp_path)
    assert (done.stored, done.damaged, done.unread) == (0, 0, (path,))
    assert path.exists()
    assert [(owner.records, owner.unread) for target in status(tmp_path) for owner in target.owners] == [(0, 1)]


@pytest.mark.parametrize("how", ["by a process", "by replay"])
def test_a_file_that_cannot_be_read_holds_up_no_other(how: str, tmp_path: Path) -> None:
    first = _dead(tmp_path, range(50))
    bad = first.with_name(first.name.replace("0000000001", "0000000000"))
    bad.mkdir()  # root may read whatever has no rights, but not this
    second = _dead(tmp_path, range(50, 100))
    if how == "by a process":
        assert _adopted(tmp_path) == list(range(100))
    else:
        done = replay(MemoryStore(), "t", tmp_path)
        assert (done.stored, done.unread) == (100, (bad,))
    assert not first.exists()
    assert not second.exists()
    assert bad.exists(), "it stays, for somebody to look at"
    bad.rmdir()
    assert _adopted(tmp_path) == []
    assert not any(target.owners for target in status(tmp_path))


def test_nothing_is_written_through_a_link_that_somebody_planted(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "spool", tmp_path / "elsewhere"
    _dead(root, range(5))
    accounts = Accounts()
    journal = SpoolJournal(accounts, target="t", root=root)
    (journal.folder / "refused.jsonl").symlink_to(elsewhere)
    journal.set_aside([PoisonedRecord(EventRecord("1" * 32, "2" * 16, 1, None, "e", "{}"), "why")])
    assert dict(accounts.snapshot().absorbed) == {"set_aside": 1}
    stranger = "f" * 32
    (journal.folder / f"{stranger}-0000000001.seg").symlink_to(elsewhere)
    (journal.folder / f"{stranger}.lock").symlink_to(elsewhere)
    assert _adopted(root) == list(range(5)), "what is no link is stored"
    (journal.folder / "target").unlink()
    (journal.folder / "target").symlink_to(elsewhere)
    with pytest.raises(SpoolError, match="cannot be used"):
        SpoolJournal(Accounts(), target="t", root=root)
    assert not elsewhere.exists()
