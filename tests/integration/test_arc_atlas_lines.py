"""The Atlas SDK and we over one database: its runtime's rows, exported by both, give the same lines.

"The same" is meant literally, after :func:`as_contract` has made of the SDK's line what the contract asks for where it
is better; that function is the whole list of differences.
"""

from __future__ import annotations

import contextlib
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

import atlas_otel as atlas
from atlas_otel.models.session_trace import AtlasSessionTrace
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlas_otel.models.rows import SessionRows

JUDGE = Path(__file__).parents[1] / "peers" / "arc_atlas" / "judge.py"

pytestmark = pytest.mark.timeout(600)  # the first run makes the peer's environment

Json = dict[str, Any]


def judge(python: str, url: str, folder: Path, *actions: str) -> None:
    """Run arc-atlas; it wants a URL, where libpq takes other forms too."""
    parts = conninfo_to_dict(url)
    url = f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"
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


@contextlib.contextmanager
def database(admin: psycopg.Connection, server_url: str, template: str) -> Iterator[str]:
    """A migrated database that several tests share, since what fills it takes seconds."""
    name = f"test_{uuid.uuid4().hex}"
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    yield make_conninfo(server_url, dbname=name)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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
    with database(admin, server_url, template_database) as url:
        judge(peer_python("arc-atlas"), url, folder, "run", "write", "export", "read")
        yield url, folder


@atlas.tool
def search(query: str) -> list[str]:
    if not query:
        raise ValueError("an empty query")
    return [query, "3 tickets"]


@atlas.llm(model="scripted", provider="none")
def complete(messages: list[Json]) -> str:
    return f"Answer: {messages[-1]['content']}"


@atlas.session(name="desk", tags=["desk"], metadata={"tenant": "acme"})
def work(task: str) -> str:
    """An agent with two steps, of which the second fails once and is tried again."""
    atlas.set_plan(["Count the tickets", "Write the answer"])
    with atlas.step("Count the tickets", id=1) as step:
        step.output = {"status": "ok", "artifacts": {"found": search(task)}, "notes": "counted"}
    atlas.record_reward(0.875, rationale="all of them", step=1, judge="counter")
    for attempt in (1, 2):
        with contextlib.suppress(ValueError), atlas.step("Write the answer", id=2) as step:
            search("" if attempt == 1 else task)
            step.output = answer = complete([{"role": "user", "content": f"{attempt} \u2028 {task}"}])
        atlas.set_validation(attempt == 2, step=2)
        if attempt == 1:
            atlas.add_guidance("Ask for something.", step=2)
    for number in range(150):
        atlas.emit_event("progress", {"n": number, "large": 2**62, "text": "é☃"})
    atlas.record_reward(0.625, rationale="late", name="quality")
    return answer


@pytest.fixture(scope="module")
def recorded(
    peer_python: Callable[[str], str],
    admin: psycopg.Connection,
    server_url: str,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path, list[SessionRows]]]:
    """A database that we recorded sessions into, what the SDK says of it, and the rows that the records come to."""
    folder = tmp_path_factory.mktemp("ours")
    with database(admin, server_url, template_database) as url:
        with recording() as records:
            work("How many tickets are open?")
            with contextlib.suppress(RuntimeError), atlas.session("It fails"):
                raise RuntimeError("on purpose")
        with PostgresStore(url) as store:
            store.write(records.all)
            assert store.project() == 2
        judge(peer_python("arc-atlas"), url, folder, "export", "read")
        yield url, folder, [records.rows(key) for key in records.sessions()]


def test_what_we_wrote_is_exported_by_the_sdk_as_by_us(recorded: tuple[str, Path, list[SessionRows]]) -> None:
    url, folder, rows = recorded
    export_jsonl(folder / "ours.jsonl", database_url=url, review_statuses=None)
    theirs, ours = lines_of(folder / "export.jsonl"), lines_of(folder / "ours.jsonl")
    assert all(isinstance(name, int) for name in ours), "the row's number, in their lines as in ours"
    assert list(theirs) == list(reversed(ours))  # newest first there
    for name, line in ours.items():
        assert line == as_contract(theirs[name])
    line = next(iter(ours.values()))
    assert [step["attempts"] for step in line["steps"]] == [1, 2]
    assert line["steps"][0]["reward"]["score"] == 0.875
    assert line["steps"][1]["reward_missing"] is True
    assert line["steps"][1]["guidance"] == ["Ask for something."]
    assert line["steps"][1]["context"]["prior_results"]["1"]["artifacts"] == {"found": [line["task"], "3 tickets"]}
    assert line["session_reward"]["score"] == 0.625
    assert line["final_answer"] == rows[0].session.final_answer == f"Answer: 2 \u2028 {line['task']}"
    assert len(line["trajectory_events"]) == len(rows[0].events) > 150


def test_what_we_wrote_is_read_by_the_sdks_direct_reader(recorded: tuple[str, Path, list[SessionRows]]) -> None:
    _, folder, rows = recorded
    sessions = json.loads((folder / "training_sessions.json").read_text(encoding="utf-8"))
    assert len(sessions) == len(rows) == 2
    for read, row in zip(reversed(sessions), rows, strict=True):
        assert read["task"] == row.session.task
        assert read["final_answer"] == row.session.final_answer
        assert read["plan"] == row.plan
        assert read["session_metadata"] == row.session.metadata
        assert read["session_reward"] == row.session.reward
        assert len(read["steps"]) == len(row.steps)
        for step, stored in zip(read["steps"], row.steps, strict=True):
            assert (step["step_id"], step["trace"], step["output"]) == (stored.step_id, stored.trace, stored.output)
            assert (step["attempts"], step["metadata"]) == (stored.attempts, stored.metadata)
            given = (stored.evaluation or {}).get("reward") or {}
            assert step["reward"]["score"] == given.get("score", 0.0)
            assert step["guidance"] == [note.note for note in row.guidance if note.step_id == stored.step_id]
        # Its own limit: the 200 newest, newest first, as text.
        newest = [json.loads(event.event) for event in reversed(row.events)][:200]
        assert [json.loads(event["event"]) for event in read["trajectory_events"] or []] == newest


def lines_of(path: Path) -> dict[int | str, Json]:
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
