"""Sessions of one conversation, exported from a database: what was said early stands in one line only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl, tally
from atlas_otel_exporters.datasets.create import Plan, create_dataset
from atlas_otel_exporters.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
Said = tuple[str, ...]

# The conversation of each session, and what was said in it before its own question and answer.
SESSIONS: list[tuple[str | None, Said]] = [
    ("a", ()),  # 1
    (None, ()),  # 2
    ("b", ()),  # 3
    ("a", ("q1", "a1")),  # 4
    (None, ("q2", "a2")),  # 5: goes on from 2, and nobody said so
    ("b", ("something", "else")),  # 6: does not go on from 3
    ("a", ("q1", "a1", "q4", "a4")),  # 7
    ("alone", ()),  # 8
]


@atlas.llm(model="m")
def complete(messages: list[Json], reply: str) -> str:
    return reply


@pytest.fixture
def keys(database_url: str) -> list[str]:
    found = []
    with recording() as recorded:
        for number, (conversation, before) in enumerate(SESSIONS, start=1):
            with atlas.session(f"task {number}") as session:
                if conversation is not None:
                    atlas.set_metadata(conversation_id=conversation)
                said = [*before, f"q{number}"]
                complete([_message(at, text) for at, text in enumerate(said)], f"a{number}")
            found.append(session.id)
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        assert store.project() == len(SESSIONS)
    return found


def _message(at: int, text: str) -> Json:
    return {"role": "assistant" if at % 2 else "user", "content": text}


def _exported(tmp_path: Path, url: str, **options: Any) -> list[Json]:
    file = tmp_path / "lines.jsonl"
    export_jsonl(file, database_url=url, review_statuses=None, **{"format": "chat", **options})
    return [json.loads(line) for line in file.read_text().splitlines()]


def _said(rows: list[Json]) -> list[list[str]]:
    return [[message["content"] for message in row["messages"]] for row in rows]


def _trained(rows: list[Json]) -> list[str]:
    return sorted(m["content"] for row in rows for m in row["messages"] if m["train"])


ANSWERS = [f"a{number}" for number in range(1, len(SESSIONS) + 1)]
JOINED = ["q1", "a1", "q4", "a4", "q7", "a7"]
LINES = [
    ["q2", "a2"],
    ["q2", "a2", "q5", "a5"],
    ["q3", "a3"],
    ["something", "else", "q6", "a6"],
    JOINED,
    ["q8", "a8"],
]


def test_sessions_of_one_conversation_are_one_line(keys: list[str], database_url: str, tmp_path: Path) -> None:
    rows = _exported(tmp_path, database_url)
    assert _said(rows) == LINES
    assert _trained(rows) == ANSWERS
    (row,) = (row for row in rows if row["session_id"] == 7)
    assert row["session_keys"] == [keys[0], keys[3], keys[6]]
    assert len(set(row["trace_ids"])) == len(set(row["span_ids"])) == 3
    assert row["trace_id"] == row["trace_ids"][-1]
    assert _exported(tmp_path, database_url, batch_size=1) == rows
    summary = export_jsonl(tmp_path / "again", database_url=database_url, review_statuses=None, format="chat")
    assert (summary.sessions, summary.lines, summary.skipped) == (len(SESSIONS), len(LINES), {})


def test_only_what_is_selected_is_joined(keys: list[str], database_url: str, tmp_path: Path) -> None:
    newest = _exported(tmp_path, database_url, newest_first=True)
    assert sorted(_said(newest)) == sorted(LINES)
    assert [row["session_id"] for row in newest] == [8, 7, 3, 6, 5, 2]
    assert _said(_exported(tmp_path, database_url, limit=4)) == [
        ["q2", "a2"],
        ["q3", "a3"],
        ["q1", "a1", "q4", "a4"],
    ]
    assert _said(_exported(tmp_path, database_url, session_ids=[7])) == [JOINED]


def test_a_conversation_is_held_up_to_a_limit(
    keys: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "HELD_SESSIONS", 2)
    rows = _exported(tmp_path, database_url)
    assert [row["messages"][-1]["content"] for row in rows if row["session_keys"][-1] in keys[::3]] == ["a4", "a7"]
    assert _trained(rows) == ANSWERS


def test_openai_files_are_joined_and_datasets_take_each_session(
    keys: list[str], database_url: str, tmp_path: Path
) -> None:
    weighted = _exported(tmp_path, database_url, format="openai")
    assert _said(weighted) == LINES
    plan = Plan("d", "chat", Selection(review_statuses=None), split={"train": 1.0}, files="jsonl")
    create_dataset(tmp_path / "d", plan, database_url=database_url)
    (file,) = (tmp_path / "d").glob("**/*train*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert _trained(rows) == ANSWERS
    assert [row["session_keys"] for row in rows] == [[key] for key in keys]
