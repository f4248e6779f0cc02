"""Files that are damaged while their process lives: what cannot be read back is counted, the rest is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_otel.accounts import Accounts
from atlas_otel.span_record import EventRecord
from atlas_otel.spool import SpoolJournal


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
