"""A small disk of a test's own, that can be filled to the last byte and freed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

FILE_SYSTEMS = ("tmpfs", "ext4", "xfs", "btrfs")
_XFS_MEGABYTES = 300
"""mkfs.xfs makes none that is smaller."""


class Disk:
    """A file system of ``megabytes`` on ``folder``: in memory, or in a file beside it."""

    def __init__(self, folder: Path, megabytes: int, kind: str = "tmpfs") -> None:
        """Mount it. ``kind`` is one of :data:`FILE_SYSTEMS`. Raises OSError where this user may not, or it is not
        known here."""
        self.folder, self._image = folder, folder.with_name(f"{folder.name}.image")
        folder.mkdir(mode=0o711)
        if kind == "tmpfs":
            _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(folder))
        else:
            with self._image.open("wb") as image:
                image.truncate(max(megabytes, _XFS_MEGABYTES) << 20)
            _run(_mkfs(kind), "-q", str(self._image))
            _run("mount", "-o", "loop", str(self._image), str(folder))
            folder.chmod(0o711)

    @property
    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Somebody else takes all that is left."""
        taken, size = 0, self.free
        with (self.folder / "somebody's").open("ab") as file:
            while size > 1 << 20:  # at once, as far as that goes
                try:
                    os.posix_fallocate(file.fileno(), taken, size)
                    taken += size
                except OSError:
                    size //= 2
        for size in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError), (self.folder / "somebody's").open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))

    def clear(self) -> None:
        """Somebody else's file is deleted."""
        (self.folder / "somebody's").unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount it, also while it is used."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)
        self._image.unlink(missing_ok=True)


def _mkfs(kind: str) -> str:
    found = shutil.which(f"mkfs.{kind}", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"mkfs.{kind} is not here")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(done.stderr.strip().partition("\n")[0])
