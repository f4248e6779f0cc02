"""A disk that is really full: no signal, no exception, and the accounts say what was not taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_PROGRAM = textwrap.dedent("""
    import os, subprocess, sys
    from pathlib import Path

    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)

    from atlas_otel.accounts import Accounts
    from atlas_otel.span_record import EventRecord
    from atlas_otel.spool import SpoolJournal

    accounts = Accounts()
    journal = SpoolJournal(accounts, target="t", root=disk / "spool", segment_bytes=512 * 1024)

    def append(number):
        accounts.event_started()
        return journal.append(EventRecord("1" * 32, "2" * 16, number, None, "e", '"' + "x" * 1000 + '"'))

    def store():
        stored = 0
        while (batch := journal.take(100, 1 << 20)) is not None:
            stored += len(batch.records)
            accounts.stored(0, len(batch.records))
            journal.ack(batch)
        return stored

    assert append(0)
    # Somebody else fills the disk: what was preallocated stays ours.
    other = os.open(disk / "other", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(other, bytes(4096))
    except OSError:
        pass
    accepted = 1
    while append(accepted):
        accepted += 1
    assert 300 < accepted < 520, accepted
    assert not append(accepted)
    assert accounts.snapshot().events.dropped == {"disk_full": 2}, accounts.snapshot()
    # With the store alive the full segments are used again, so the full disk goes on.
    assert store() == accepted
    journal.prepare()
    assert store() == 0
    refused = 0
    for number in range(3000):
        if not append(10_000 + number):  # the only segment is full: it is emptied, and used again
            refused += 1
            store()
            journal.prepare()
            store()
            assert append(20_000 + number), (number, accounts.snapshot())
    store()
    assert 5 <= refused <= 10, refused
    now = accounts.snapshot()
    assert now.balances
    assert now.events.lost == 2 + refused, now
    assert now.events.stored == now.events.started - now.events.lost
    print("done")
""")


@pytest.mark.skipif(shutil.which("unshare") is None or sys.platform != "linux", reason="needs unshare")
def test_a_full_disk_is_no_signal_and_costs_only_what_it_refuses(tmp_path: Path) -> None:
    unshare = ["unshare", "--mount", "--map-root-user", "--user"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a mount namespace")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        [*unshare, sys.executable, "-c", _PROGRAM, str(disk)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
