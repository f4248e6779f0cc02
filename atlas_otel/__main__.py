"""``python -m atlas_otel``: the command line."""

from __future__ import annotations

import sys

from atlas_otel.cli import main

if __name__ == "__main__":
    sys.exit(main())
