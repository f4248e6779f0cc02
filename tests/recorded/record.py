"""Write ``arc_atlas_runs.jsonl.gz`` anew: the rows that real runs of the Atlas SDK's runtime left in a database.

Only the model is scripted (``tests/peers/arc_atlas/scripted_model.py``); lanes, retries, events and rows are the
SDK's own. Usage, over a fresh database that ``atlas-otel db init`` has been run on::

    PEER_PYTHON tests/peers/arc_atlas/judge.py URL /tmp run
    python tests/recorded/record.py URL
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import psycopg

TABLES = ("sessions", "plans", "step_results", "step_attempts", "guidance_notes", "trajectory_events")


def main(url: str) -> None:
    target = Path(__file__).with_name("arc_atlas_runs.jsonl.gz")
    with psycopg.connect(url) as connection, gzip.GzipFile(target, "wb", mtime=0) as file:
        for table in TABLES:
            query = f"SELECT jsonb_build_object('table', '{table}', 'row', to_jsonb(t))::text FROM {table} t ORDER BY t"
            for (line,) in connection.execute(query):
                file.write(line.encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
