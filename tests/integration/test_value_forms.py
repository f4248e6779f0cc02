"""Values of libraries that only the decorated program has: read as they are, in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import atlas_otel

PROGRAM = Path(__file__).parents[1] / "peers" / "value_forms" / "values.py"
TABLE = {"columns": ["a", "b"], "rows": [[71, "x"], [None, "y"]]}


@pytest.mark.timeout(900)
def test_values_of_libraries_are_read(peer_python: Callable[[str], str]) -> None:
    done = subprocess.run(
        [peer_python("value-forms"), str(PROGRAM)],
        env={**os.environ, "PYTHONPATH": str(Path(str(atlas_otel.__file__)).parents[1])},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    kept: dict[str, Any] = orjson.loads(done.stdout)
    assert kept.pop("queries") == []
    for name in ("large frame", "large polars frame", "large arrow table"):
        size, first, rows = kept.pop(name)
        assert (size <= 2000, first, rows) == (True, [[0], [1]], 1_000_000), name
    assert kept == {
        "frame": {"columns": ["a", "b", "t"], "rows": [[71, "x", "2024-01-02T00:00:00"], [72, None, None]]},
        "frame with an index": {"columns": ["a"], "index": ["r", "s"], "rows": [[71], [72]]},
        "frame with equal columns": {"columns": ["a", "a"], "rows": [[1, 2]]},
        "frame with columns of two levels": {"columns": [["a", "b"]], "rows": [[1]]},
        "frame with an index of two levels": {"columns": ["v"], "index": [["a", 1]], "rows": [[1]]},
        "empty frame": {"columns": ["a"], "rows": []},
        "frame in a list": [{"columns": ["a"], "rows": [[1]]}],
        "series": [1.5, None],
        "series with an index": {"x": 1, "y": 2},
        "index": ["a", "b"],
        "extension array": [1, None],
        "categorical": ["a", "b"],
        "missing": [None, None],
        "timestamp": "2024-01-02T03:04:05",
        "timedelta": "0 days 00:00:03",
        "period": "2024-01",
        "polars frame": TABLE,
        "polars series": ["2024-01-02"],
        "polars lazy frame": "<polars.lazyframe.frame.LazyFrame>",
        "arrow table": TABLE,
        "arrow batch": TABLE,
        "arrow array": [{"a": 1}],
        "arrow chunks": [71, None],
        "arrow scalar": 5,
        "attrs": {"a": 1, "inner": {"a": 2, "inner": None}},
        "msgspec": {"a": 1, "inner": [{"a": 3, "inner": None}]},
        "proto-plus": {"name": "n", "tags": ["a"]},
        "row": {"id": 7, "name": "Ada", "id#2": 7},
        "row mapping": {"id": 7, "name": "Ada", "id#2": 7},
        "rows not yet fetched": "<sqlalchemy.engine.cursor.CursorResult>",
        "fetched later": [[7]],
        "mapped object": {"id": 7, "name": "Ada"},
        "mapped object after a commit": {"type": "__main__.User", "primary_key": [7]},
    }
