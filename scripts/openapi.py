"""The page's API, described: atlas_otel/ui/openapi.json, from atlas_otel/ui/operations.py and shapes/.

python scripts/openapi.py            print it
python scripts/openapi.py --write    write it
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

from atlas_otel.ui.openapi import document

FILE = Path(__file__).parents[1] / "atlas_otel" / "ui" / "openapi.json"


def text() -> str:
    """What the file holds."""
    return json.dumps(document(version("atlas-otel")), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    if "--write" in sys.argv:
        FILE.write_text(text(), "utf-8")
    else:
        print(text(), end="")


if __name__ == "__main__":
    main()
