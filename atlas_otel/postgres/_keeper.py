"""Stops an embedded server when the last process that uses it is gone. A program of its own, standard library only.

Run by path (never imported) by :mod:`atlas_otel.postgres.embedded`, which explains the files. It detaches, then
looks once a second whether anybody still holds the shared lock on ``users``; the kernel lets go of a lock however
its holder died, so a ``kill -9`` leaves nothing behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where this never runs
    fcntl = None  # type: ignore[assignment]

_EVERY_S = 0.5
_FAST_SHUTDOWN_S = 60.0


def main(folder: Path, linger_s: float) -> int:
    """Detach and watch; at once 0 where another keeper watches this folder already, or it is gone."""
    keeper = open_lock(folder / "keeper")
    if not try_lock(keeper):
        return 0
    if os.fork():
        return 0
    os.setsid()
    os.chdir("/")
    try:
        _watch(folder, linger_s, keeper)
    except FileNotFoundError:  # somebody removed the folder
        stop(folder / "data")
    return 0


def _watch(folder: Path, linger_s: float, keeper: int) -> None:
    idle_since: float | None = None
    while True:
        running = postmaster_of(folder / "data") is not None
        if running and not _unused(folder):
            idle_since = None
        elif idle_since is None:
            idle_since = time.monotonic()
        if idle_since is not None and (not running or time.monotonic() - idle_since >= linger_s):
            gate = open_lock(folder / "gate", make=False)
            # The gate is held until the server is gone and this keeper has resigned: who comes meanwhile waits
            # there, then finds neither and starts both.
            if try_lock(gate) and (postmaster_of(folder / "data") is None or _unused(folder)):
                stop(folder / "data")
                os.close(keeper)
                os.close(gate)
                return
            os.close(gate)
        time.sleep(_EVERY_S)


def postmaster_of(data: Path) -> int | None:
    """The pid of the server that runs on this data folder; None where there is none.

    A server that was killed leaves its pid file, and another program may have that pid by now.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes() if sys.platform == "linux" else _command_line(pid)
    except PermissionError:
        return pid
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(data) in command else None


def open_lock(path: Path, *, make: bool = True) -> int:
    """A descriptor of the lock file ``path``; FileNotFoundError where it lacks and is not to be made."""
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0), 0o600)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free; does not wait."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unused(folder: Path) -> bool:
    users = open_lock(folder / "users", make=False)
    try:
        return try_lock(users)
    finally:
        os.close(users)


def stop(data: Path) -> None:
    """Stop the server that runs on this data folder, and wait until it is gone."""
    socket = _own_socket_folder(data)
    # INT is the fast shutdown, which writes a checkpoint; QUIT the immediate one, for a server that hangs.
    for sign, patience_s in ((signal.SIGINT, _FAST_SHUTDOWN_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 1.0)):
        pid = postmaster_of(data)
        if pid is None:
            break
        os.kill(pid, sign)
        deadline = time.monotonic() + patience_s
        while postmaster_of(data) == pid and time.monotonic() < deadline:
            time.sleep(0.02)
    if socket is not None:
        with suppress(OSError):  # gone already, or a killed server's socket is in it
            socket.rmdir()


def _own_socket_folder(data: Path) -> Path | None:
    """The folder that was made only for the server's socket, because the path of its own folder is too long."""
    try:
        folder = Path((data / "postmaster.pid").read_text().splitlines()[4])
    except (OSError, IndexError):
        return None
    return None if folder == data.parent else folder


def _command_line(pid: int) -> bytes:
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
