"""The Atlas SDK and we over one database: its runtime's rows, exported by both, give the same lines.

"The same" is meant literally, after :func:`as_contract` has made of the SDK's line what the contract asks for where it
is better; that function is the whole list of differences.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atlas_otel.models.session_trace import AtlasSessionTrace
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JUDGE = Path(__file__).parents[1] / "peers" / "arc_atlas" / "judge.py"

pytestmark = pytest.mark.timeout(600)  # the first run makes the peer's environment

Json = dict[str, Any]


def judge(python: str, url: str, folder: Path, *actions: str) -> None:
    """Run arc-atlas; it wants a URL, where libpq takes other forms too."""
    parts = conninfo_to_dict(url)
    database = parts.pop("dbname")
    url = f"postgresql:///{database}?{urlencode(parts)}"
    done = subprocess.run(
        [python, str(JUDGE), url, str(folder), *actions], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def as_contract(line: Json) -> Json:
    """What the SDK's line would be if it followed the contract."""
    # There is always a plan and a list of events, also where they are empty.
    line["plan"] = line["plan"] or {"steps": [], "execution_mode": "stepwise"}
    events = line.setdefault("trajectory_events", [])
    line["session_metadata"].setdefault("trajectory_events", events)
    # The type, name and actor of an event stand under its payload.
    for event in events:
        payload = event["event"]["payload"]
        event["type"] = event["event_type"] = payload["event_type"]
        event |= {"name": payload["name"]} if payload["name"] else {}
        actor = (payload["metadata"] or {}).get("actor")
        event |= {"actor": actor} if actor else {}
    for step in line["steps"]:
        raw = step["reward"]["raw"]
        # A zero that nobody gave is marked.
        if "score" not in raw or (raw.get("raw") or {}).get("skipped"):
            step["reward_missing"] = step["metadata"]["reward_missing"] = True
        # The trainer would take this key for the reward.
        if "evaluation" in step["metadata"]:
            del step["evaluation"]
    line["session_metadata"]["trajectory_events"] = events
    return line


@pytest.fixture(scope="module")
def lived_in(
    peer_python: Callable[[str], str],
    admin: psycopg.Connection,
    server_url: str,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """A database that the SDK's runtime worked on, and a folder with what the SDK's exporter and reader say of it."""
    folder = tmp_path_factory.mktemp("arc_atlas")
    name = sql.Identifier(f"test_{uuid.uuid4().hex}")
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template_database)))
    url = make_conninfo(server_url, dbname=name.as_string().strip('"'))
    judge(peer_python("arc-atlas"), url, folder, "run", "write", "export", "read")
    yield url, folder
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def lines_of(path: Path) -> dict[int, Json]:
    # Split at \n only: a line may hold U+2028.
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    return {line["session_metadata"]["session_id"]: line for line in lines}


def test_what_the_sdk_wrote_is_exported_as_its_own_exporter_does(lived_in: tuple[str, Path]) -> None:
    url, folder = lived_in
    summary = export_jsonl(folder / "ours.jsonl", database_url=url, review_statuses=None)
    theirs, ours = lines_of(folder / "export.jsonl"), lines_of(folder / "ours.jsonl")
    assert len(theirs) == 7  # five runs, a written session and an unfinished one
    assert list(ours) == sorted(theirs)
    for session_id, line in theirs.items():
        assert ours[session_id] == as_contract(line)
    statuses = sorted(line["session_metadata"]["status"] for line in ours.values())
    assert statuses == ["failed", "running", "succeeded", "succeeded", "succeeded", "succeeded", "succeeded"]
    modes = {line.get("execution_mode") for line in ours.values()}
    assert modes >= {"auto", "paired", "coach"}
    retried = [step for line in ours.values() for step in line["steps"] if step["guidance"] and step["attempts"] == 2]
    assert retried, "no run had a rejected attempt: the scripted model no longer works"
    assert summary.events == sum(len(line["trajectory_events"]) for line in ours.values()) > 60


def test_every_line_is_an_atlas_session_trace(lived_in: tuple[str, Path]) -> None:
    url, folder = lived_in
    export_jsonl(folder / "ours.jsonl", database_url=url, review_statuses=None)
    for line in (folder / "ours.jsonl").read_bytes().split(b"\n")[:-1]:
        trace = AtlasSessionTrace.model_validate_json(line)
        again = trace.model_dump(exclude_unset=True)
        assert again == json.loads(line)


def test_numbers_of_any_size_pass_unrounded(lived_in: tuple[str, Path]) -> None:
    url, folder = lived_in
    export_jsonl(folder / "ours.jsonl", database_url=url, review_statuses={"approved"})
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT metadata ->> 'numbers' FROM sessions WHERE metadata ? 'numbers'").fetchone()
    assert row is not None
    line = (folder / "ours.jsonl").read_text(encoding="utf-8")
    assert f'"numbers":{row[0].replace(" ", "")}'.startswith('"numbers":[1000000000000000000000000000000,')
    assert json.loads(line)["session_metadata"]["numbers"] == json.loads(row[0])
