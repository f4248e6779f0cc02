"""One database cluster of the embedded server: its files, how it is made, how its server is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import ConfigError, RetryableStoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.postgres._wheel import ServerUser

SUPERUSER: Final = "postgres"
_PORT: Final = 5432  # names the socket file; nothing listens on TCP
_SOCKET_PATH_LIMIT: Final = 100  # bytes; 103 on macOS, 107 on Linux
_START_S: Final = 60
_NO_PID: Final = 2**31 - 1  # above every system's highest pid
_INITDB: Final = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions", "--no-sync")


class Socket(NamedTuple):
    """Where a server listens, as it wrote it down itself."""

    folder: Path
    port: int

    @property
    def path(self) -> Path:
        """The socket's file."""
        return self.folder / f".s.PGSQL.{self.port}"


class Cluster:
    """The cluster in ``<folder>/data``, whose server logs to ``<folder>/log``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"

    @property
    def major(self) -> int | None:
        """The version of Postgres that made it; None where it is not made yet."""
        version = self.data / "PG_VERSION"
        return int(version.read_text()) if version.exists() else None

    def socket(self) -> Socket | None:
        """Where its server listens, or listened before it was killed; None where none got so far."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        return Socket(Path(lines[4]), int(lines[3])) if len(lines) > 4 and lines[4] else None

    def initialise(self, binaries: Path, user: ServerUser) -> None:
        """Make the cluster. Beside its place first: an ``initdb`` that is killed leaves no half of one."""
        scratch = self.folder / "data.new"
        if scratch.exists():
            shutil.rmtree(scratch)
        self._run([binaries / "initdb", "-D", scratch.name, "-U", SUPERUSER, *_INITDB], user)
        scratch.rename(self.data)

    def start(self, binaries: Path, user: ServerUser, settings: Mapping[str, str]) -> None:
        """Start the server, which must not run, and wait until it is ready.

        Raises ConfigError with what the server said where it does not start.
        """
        self._forget_killed_server()
        options = {**settings, "unix_socket_directories": str(self._socket_folder(user)), "port": str(_PORT)}
        options["data_directory"] = str(self.data)  # by which the keeper knows the server's process
        stated = " ".join(f"-c {key}={_quoted(value)}" for key, value in options.items())
        command = (
            binaries / "pg_ctl",
            "start",
            "-w",
            "-t",
            str(_START_S),
            "-D",
            self.data.name,  # in the folder itself, since pg_ctl puts both names into a shell's command line
            "-l",
            self.log.name,
            "-o",
            stated,
        )
        deadline = time.monotonic() + _START_S
        while True:
            said_before = self.log.stat().st_size if self.log.exists() else 0
            try:
                self._run(command, user)
                return
            except ConfigError as error:
                said = self.log.read_bytes()[said_before:].decode(errors="replace") if self.log.exists() else ""
                # What a killed server leaves behind for a moment: processes that have not noticed its death yet.
                if "shared memory block" not in said:
                    raise ConfigError(f"{error} {' '.join(said.split())[-500:]}") from None
                if time.monotonic() > deadline:
                    raise RetryableStoreError(f"processes of a killed server are still using {self.data}") from None
                time.sleep(0.1)

    def check_way(self, user: ServerUser) -> bool:
        """Whether ``user`` may pass through the folders above the cluster's."""
        try:
            self._run(["/bin/ls", "-d", f"{self.folder}/."], user)
        except ConfigError:
            return False
        return True

    def _forget_killed_server(self) -> None:
        """Take the pid of a server that is gone out of its files: another process may have it by now.

        Only the pid: by the rest of ``postmaster.pid`` Postgres sees whether processes of the killed server still
        write, and must not start before they are gone.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        if (socket := self.socket()) is not None:
            socket.path.with_name(f"{socket.path.name}.lock").unlink(missing_ok=True)
            socket.path.unlink(missing_ok=True)
            if socket.folder != self.folder and socket.folder.exists():
                socket.folder.rmdir()
        rest = pid_file.read_text().partition("\n")[2]
        with pid_file.open("r+") as stale:  # in place: the file stays its owner's
            stale.write(f"{_NO_PID}\n{rest}")
            stale.truncate()

    def _socket_folder(self, user: ServerUser) -> Path:
        # Not `data`: the shorter the path the better, as a socket's path has about a hundred bytes.
        if len(os.fsencode(self.folder / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_LIMIT:
            return self.folder
        short = Path(tempfile.mkdtemp(prefix="atlas-otel-", dir="/tmp"))  # 0700, of a random name
        if user.other:
            os.chown(short, user.uid, user.gid)
        return short

    def _run(self, arguments: Sequence[str | Path], user: ServerUser) -> None:
        # Output goes to a file: a server that is started inherits it, and would hold a pipe open for ever. The
        # environment is bare, because the agent's may hold keys that are none of the server's business.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                cwd=self.folder,
                umask=0o077,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                user=user.uid if user.other else None,
                group=user.gid if user.other else None,
                extra_groups=[] if user.other else None,
            )
            if done.returncode == 0:
                return
            output.seek(0)
            said = " ".join(output.read().decode(errors="replace").split())
        raise ConfigError(f"the embedded database in {self.folder} failed: {said[-500:]}")


def _quoted(value: str) -> str:
    # pg_ctl hands the options to a shell.
    return "'" + value.replace("'", "'\\''") + "'"
