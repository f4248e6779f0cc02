"""An export in several processes writes the same bytes and says the same as one in one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl, side_by_side
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.training.options import RowOptions
from tests.integration.test_datasets import record

if TYPE_CHECKING:
    from pathlib import Path


@atlas.llm(model="m")
def say(messages: list[dict[str, str]], answer: str) -> dict[str, str]:
    return {"role": "assistant", "content": answer}


@pytest.fixture
def url(database_url: str) -> str:
    """Runs of tasks with rewards, and a conversation of three sessions, one of which cannot be read."""
    record(database_url)
    with recording() as records:
        talk: list[dict[str, str]] = []
        for turn in range(3):
            with atlas.session(f"turn {turn}", metadata={"conversation_id": "c1"}):
                talk.append({"role": "user", "content": f"asked {turn}"})
                talk.append(say(list(talk), f"answered {turn}"))
        with atlas.session("no call"):
            pass
    with PostgresStore(database_url) as store:
        store.write(records.all)
        store.project()
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE sessions SET reward = '{\"score\": \"none\"}' WHERE task = 'turn 1'")
    return database_url


@pytest.mark.parametrize("format", FORMATS)
def test_the_bytes_and_the_summary_are_the_same(
    url: str, tmp_path: Path, format: FormatName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "MOST_AT_ONCE", 2)
    found = []
    for jobs in (1, 2):
        path = tmp_path / f"{jobs}.jsonl"
        summary = export_jsonl(path, database_url=url, review_statuses=None, format=format, jobs=jobs, limit=60)
        found.append((path.read_bytes() if summary.lines else b"", replace(summary, behind=0)))
    assert found[0] == found[1]
    assert found[0][1].lines or format == "tokens", "no server here gives token ids"


def test_what_depends_on_other_sessions_is_made_in_one(url: str, tmp_path: Path) -> None:
    told = [
        export_jsonl(
            tmp_path / f"{jobs}.jsonl",
            database_url=url,
            review_statuses=None,
            format="rl",
            options=RowOptions(normalise="group"),
            jobs=jobs,
        )
        for jobs in (1, 2)
    ]
    assert told[0] == told[1]
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
