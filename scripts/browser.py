"""See to it that Chromium is here: by apt-get, where this runs as root. Exits with 69 where it cannot be.

python scripts/browser.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")


def main() -> int:
    """0 where it is here now."""
    if CHROMIUM.exists():
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"{CHROMIUM} is not here, and only root can install it: apt-get install chromium", file=sys.stderr)
        return 69
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update"], check=False, env=environment, **quiet)  # type: ignore[call-overload]
    subprocess.run(["apt-get", "install", "--yes", "chromium"], check=False, env=environment, **quiet)  # type: ignore[call-overload]
    if CHROMIUM.exists():
        return 0
    print("chromium could not be installed: see apt-get install chromium", file=sys.stderr)
    return 69


if __name__ == "__main__":
    sys.exit(main())
