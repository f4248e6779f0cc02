"""Our export and the Atlas SDK's in turns, in its environment: ``URL FOLDER SESSIONS ROUNDS`` → JSON, the last line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlencode

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # without it the import asks the network

from atlas.cli.jsonl_writer import export_sessions
from atlas.config.models import StorageConfig
from atlas.runtime.storage.database import Database
from psycopg.conninfo import conninfo_to_dict

from atlas_otel_exporters import export_jsonl
from benchmarks.measuring import alternate, rate_ratio

_ALL = 1_000_000


def main() -> None:
    """Both export the newest sessions, with all their events."""
    url, folder, sessions, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    ours, theirs = folder / "ours.jsonl", folder / "theirs.jsonl"
    # It wants a URL, and its wheel lacks the schema that it would apply.
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    name = parts.pop("dbname")
    database = Database(
        StorageConfig(database_url=f"postgresql:///{name}?{urlencode(parts)}", apply_schema_on_connect=False)
    )
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(database.connect())
        taken = alternate(
            {
                "ours": lambda: export_jsonl(ours, database_url=url, newest_first=True, limit=sessions),
                "theirs": lambda: loop.run_until_complete(
                    export_sessions(database, theirs, limit=sessions, trajectory_limit=_ALL)
                ),
            },
            rounds,
        )
        loop.run_until_complete(database.disconnect())
    finally:
        loop.close()
    events = [_events(path) for path in (ours, theirs)]
    if events[0] != events[1] or len(events[0]) != sessions:
        sys.exit("the two did not export the same events")
    said = {"speed": asdict(rate_ratio(taken["ours"], taken["theirs"])), "events": sum(map(len, events[0].values()))}
    print(json.dumps(said))


def _events(path: Path) -> dict[int, list[int]]:
    """The ids of each session's events."""
    with path.open(encoding="utf-8", newline="\n") as file:
        lines = [json.loads(line) for line in file]
    return {
        line["session_metadata"]["session_id"]: [event["id"] for event in line["trajectory_events"]] for line in lines
    }


if __name__ == "__main__":
    main()
