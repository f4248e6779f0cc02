"""Check the English of the pages with Vale and the rules in .vale/styles/Atlas.

python scripts/prose.py                  all pages that .vale.ini names
python scripts/prose.py docs/privacy.md  some of them

Vale is built from its Go module, once for each user, beside Jaeger and the Collector. Exit codes: 0, nothing to
mend; 1, a page has faults, or the build failed; 69, Vale can't be built here (no Go, no C compiler, no module proxy),
with the reason on stderr.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))
from build_stack import UNAVAILABLE, BuildFailed, Unavailable, _compile, _go, _module, cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
MODULE, VERSION = "github.com/vale-cli/vale/v3", "v3.21.0"
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "docs", "examples")


def vale() -> Path:
    """Where Vale is, built first where it is not there yet. Raises Unavailable or BuildFailed."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"vale-{VERSION}"
    with (cache / "vale.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            print(f"building Vale into {target} (once; a minute)…", file=sys.stderr, flush=True)
            go = _go()
            with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as work:
                built = Path(work) / target.name
                _compile(go, _module(go, MODULE, VERSION, Path(work), "vale"), "./cmd/vale", built)
                built.rename(target)
    return target


def main(pages: Sequence[str]) -> int:
    try:
        checker = vale()
    except Unavailable as reason:
        print(f"the English is not checked: {reason}", file=sys.stderr)
        return UNAVAILABLE
    except BuildFailed as reason:
        print(reason, file=sys.stderr)
        return 1
    return subprocess.run([checker, "--output=line", *(pages or PAGES)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
