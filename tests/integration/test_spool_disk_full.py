"""A disk that is really full: no signal, no exception, and the accounts say what was not taken."""

from __future__ import annotations

import os
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

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.records.record import EventRecord
    from atlas_otel.delivery.spool import SpoolJournal

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


_AT_THE_START = textwrap.dedent("""
    import os, subprocess, sys, time
    from pathlib import Path

    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=8", "tmpfs", str(disk)], check=True)
    kept = [disk / f"somebody's {number}" for number in range(7)]
    for path in kept:
        path.write_bytes(b"x")  # no inode is left: not even a folder can be made
    try:
        (disk / "one more").mkdir()
    except OSError as error:
        assert error.errno == 28, error
    else:
        sys.exit("the disk is not full")

    import atlas_otel as atlas

    os.environ["ATLAS_OTEL_SPOOL_DIR"] = str(disk / "state" / "spool")
    telemetry = atlas.configure(database_url="host=127.0.0.1 port=1 dbname=none", console=False)

    @atlas.tool
    def work(number):
        return number

    with atlas.session("while it is full"):
        assert [work(number) for number in range(50)] == list(range(50))
    accounts = telemetry.accounts
    assert accounts.balances
    assert set(accounts.dropped) == {"disk_full"}, accounts
    assert accounts.spans.lost == 51
    for path in kept:
        path.unlink()
    time.sleep(1.2)  # the disk is asked again each second
    with atlas.session("when there is room"):
        work(1)
    accounts = telemetry.accounts
    assert accounts.balances
    assert (accounts.spans.lost, accounts.spans.spooled) == (51, 2), accounts
    print("done")
""")


_NOT_RESERVED = textwrap.dedent("""
    import os, subprocess, sys
    from pathlib import Path

    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    # As on an overlay over btrfs: the file system says that it has reserved the blocks, and has not.
    os.posix_fallocate = lambda fd, start, size: os.ftruncate(fd, start + size)

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.records.record import EventRecord
    from atlas_otel.delivery.spool import SpoolJournal

    accounts = Accounts()
    journal = SpoolJournal(accounts, target="t", root=disk / "spool")
    for number in range(5000):
        accounts.event_started()
        journal.append(EventRecord("1" * 32, "2" * 16, number, None, "e", '"' + "x" * 1000 + '"'))
    now = accounts.snapshot()
    assert now.balances
    assert set(now.events.dropped) == {"disk_full"}, now
    assert 1500 < now.events.spooled < 2000, now
    stored = 0
    while (batch := journal.take(100, 1 << 20)) is not None:
        stored += len(batch.records)
        journal.ack(batch)
    assert stored == now.events.spooled
    print("done")
""")


def _unshared(program: str, disk: Path) -> subprocess.CompletedProcess[str]:
    """Run it where it may mount a disk of its own on the folder ``disk``."""
    unshare = ["unshare", "--mount", "--map-root-user", "--user"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine lets nobody make a mount namespace")
    disk.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ATLAS_"))}
    command = [*unshare, sys.executable, "-c", program, str(disk)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=kept)


def test_a_full_disk_is_no_signal_and_costs_only_what_it_refuses(tmp_path: Path) -> None:
    done = _unshared(_PROGRAM, tmp_path / "disk")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_a_disk_that_is_full_at_the_start_stops_no_agent(tmp_path: Path) -> None:
    """There is no way around it through memory: what is accepted is kept as promised, or it is refused and counted."""
    done = _unshared(_AT_THE_START, tmp_path / "disk")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    assert "Traceback" not in done.stderr
    assert "atlas-otel: not recorded: " in done.stderr
    assert "disk_full" in done.stderr


def test_blocks_that_were_promised_and_are_not_there_kill_nobody(tmp_path: Path) -> None:
    done = _unshared(_NOT_RESERVED, tmp_path / "disk")
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout == "done\n"
