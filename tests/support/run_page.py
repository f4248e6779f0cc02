"""Run one page: ``python run_page.py PLAN``, in the folder where it is to run. PLAN is the JSON of ``pages.plan``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def shell(text: str) -> None:
    """Run ``text`` in bash; what it exports is there for later blocks."""
    kept = Path(".environment")
    script = f"set -euo pipefail\n{text}\nenv -0 >{kept}\n"
    done = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}")
    os.environ.update(pair.split("=", 1) for pair in kept.read_text(encoding="utf-8").split("\0") if "=" in pair)


def main(plan: str) -> None:
    """Run the plan's steps."""
    namespace = {"__name__": "__main__"}
    for how, where, text in json.loads(Path(plan).read_text(encoding="utf-8")):
        print(f"### {where}", file=sys.stderr, flush=True)
        if how == "shell":
            shell(text)
        elif how == "setup":
            subprocess.run([sys.executable, "-c", text], check=True)
        elif how.startswith("file "):
            Path(how.removeprefix("file ")).write_text(text, encoding="utf-8")
        else:
            exec(compile(text, where, "exec"), namespace)


if __name__ == "__main__":
    main(sys.argv[1])
