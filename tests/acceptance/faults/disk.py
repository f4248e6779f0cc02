"""A small disk of a test's own, that can be filled to the last byte and freed again."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path


class Disk:
    """A tmpfs of ``megabytes`` on ``folder``."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Mount it. Raises OSError where this user may not."""
        self.folder = folder
        folder.mkdir(mode=0o711)
        size = ["-o", f"size={megabytes}m,mode=0711"]
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *size, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PermissionError(done.stderr.strip().partition("\n")[0])

    @property
    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Somebody else takes all that is left."""
        for size in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError), (self.folder / "somebody's").open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))

    def clear(self) -> None:
        """Somebody else's file is deleted."""
        (self.folder / "somebody's").unlink()

    def remove(self) -> None:
        """Unmount it, also while it is used."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)
