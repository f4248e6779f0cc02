"""Datasets over a real database: split, described, the same bytes each time, broken off and gone on, checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet
import pytest

import atlas_otel as atlas
from atlas_otel.errors import ExportError, UsageError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters.datasets import staging
from atlas_otel_exporters.datasets.checking import check_dataset, compare_datasets
from atlas_otel_exporters.datasets.create import Plan, create_dataset
from atlas_otel_exporters.datasets.exclusion import Exclusion
from atlas_otel_exporters.datasets.manifest import read_lineage, read_manifest
from atlas_otel_exporters.selection import Selection

Json = dict[str, Any]
EVERY = Selection(review_statuses=None)
TASKS = 12


@atlas.llm(model="m")
def complete(messages: list[Json], reply: str) -> Json:
    return {"role": "assistant", "content": reply}


def record(url: str) -> list[str]:
    """Twelve tasks, each run three times: right, right in the same words, and wrong."""
    keys = []
    with recording() as records:
        for task in range(TASKS):
            asked = [{"role": "user", "content": f"{task} + 1?"}]
            for reply, score in ((task + 1, 1.0), (task + 1, 1.0), (0, 0.0)):
                with atlas.session(f"Task {task}", metadata={"learning_key": f"key {task}"}) as session:
                    complete(asked, str(reply) if reply else "zero")
                    atlas.record_reward(score)
                    keys.append(session.id)
    with PostgresStore(url) as store:
        store.write(records.all)
        store.project()
    return keys


@pytest.fixture
def runs_url(database_url: str) -> str:
    record(database_url)
    return database_url


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path, split: str) -> list[Json]:
    return [
        {**row, "prompt": [json.loads(one) for one in row["prompt"]]}
        for file in read_manifest(folder).files
        if file.split == split
        for row in pyarrow.parquet.read_table(folder / file.path).to_pylist()
    ]


KTO = Plan("numbers", "kto", EVERY)


def test_a_dataset_is_split_by_task_described_and_the_same_each_time(runs_url: str, tmp_path: Path) -> None:
    made = create_dataset(tmp_path / "one", KTO, database_url=runs_url)
    create_dataset(tmp_path / "deep" / "two", KTO, database_url=runs_url)
    assert contents(tmp_path / "one") == contents(tmp_path / "deep" / "two")
    # Of three runs, two said the same: an exact duplicate.
    assert (made.counts["rows"], made.left_out["exact duplicate"]) == (2 * TASKS, TASKS)
    splits = ("train", "validation", "test")
    tasks = {split: {row["task_group"] for row in rows(tmp_path / "one", split)} for split in splits}
    assert [len(tasks[split]) for split in splits] == [10, 1, 1]
    assert len(set().union(*tasks.values())) == TASKS
    lineage = list(read_lineage(tmp_path / "one"))
    assert [row.span_ids for row in lineage if row.split == "test"] == [
        row["span_ids"] for row in rows(tmp_path / "one", "test")
    ]
    assert not list(tmp_path.glob(".*"))
    assert not list(check_dataset(tmp_path / "one", database_url=runs_url))


@pytest.mark.parametrize("format", ["chat", "preference", "rl", "openai", "openai-preference", "verl", "kto"])
def test_each_format_makes_a_dataset_that_agrees_with_the_database(runs_url: str, tmp_path: Path, format: Any) -> None:
    made = create_dataset(tmp_path / "it", Plan("it", format, EVERY), database_url=runs_url)
    assert made.counts["rows"] == sum(file.rows for file in made.files) == len(list(read_lineage(tmp_path / "it"))) > 0
    assert not list(check_dataset(tmp_path / "it", database_url=runs_url))
    if format.endswith("preference"):
        assert made.counts["rows"] == TASKS


def test_what_became_of_sessions_is_told(runs_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "it"
    create_dataset(folder, replace(KTO, keep_duplicates=True), database_url=runs_url)
    with psycopg.connect(runs_url) as connection:
        connection.execute("UPDATE sessions SET review_status = 'quarantined' WHERE id = 1")
        connection.execute("UPDATE sessions SET reward = '{\"score\": 0.25}' WHERE id = 2")
        connection.execute("DELETE FROM sessions WHERE id = 3")
        connection.execute(
            "UPDATE trajectory_events SET event = replace(event::text, '1 + 1?', '1 + 2?')::jsonb WHERE session_id = 4"
        )
    (folder / "data").joinpath(read_manifest(folder).files[0].path.split("/")[1]).write_bytes(b"")
    found = {(one.cause, one.rows) for one in check_dataset(folder, database_url=runs_url)}
    assert {cause for cause, _ in found} == {
        "file changed",
        "session quarantined",
        "re-scored",
        "session erased",
        "row changed",
    }


def test_two_datasets_are_compared_by_what_their_rows_say(runs_url: str, tmp_path: Path) -> None:
    create_dataset(tmp_path / "a", KTO, database_url=runs_url)
    only_right = replace(KTO, selection=replace(EVERY, min_reward=1.0), seed=7)
    create_dataset(tmp_path / "b", only_right, database_url=runs_url)
    found = compare_datasets(tmp_path / "a", tmp_path / "b")
    assert (found.both, found.only_first, found.only_second) == (TASKS, TASKS, 0)
    assert len(found.sessions_only_first) == TASKS
    assert "options.seed: 0 / 7" in found.settings
    assert "selection.min_reward: None / 1.0" in found.settings


def test_what_is_held_out_fails_and_leaves_nothing(runs_url: str, tmp_path: Path) -> None:
    held = tmp_path / "held.txt"
    held.write_text("task 3\n")
    with pytest.raises(ExportError, match="holds what line 1 of --exclude"):
        create_dataset(tmp_path / "it", replace(KTO, exclude=Exclusion(held)), database_url=runs_url)
    assert not (tmp_path / "it").exists()


def test_a_folder_that_is_taken_is_left_alone(runs_url: str, tmp_path: Path) -> None:
    create_dataset(tmp_path / "it", KTO, database_url=runs_url)
    before = contents(tmp_path / "it")
    with pytest.raises(UsageError, match="holds the dataset numbers: name another folder, or remove it"):
        create_dataset(tmp_path / "it", KTO, database_url=runs_url)
    with pytest.raises(UsageError, match="is not empty"):
        create_dataset(tmp_path, KTO, database_url=runs_url)
    assert contents(tmp_path / "it") == before


def test_nothing_selected_makes_nothing(runs_url: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=rf"left out: {3 * TASKS} \(review status pending\); approve with"):
        create_dataset(tmp_path / "it", Plan("it", "kto"), database_url=runs_url)
    assert not (tmp_path / "it").exists()


class _BrokenOff(Exception):
    pass


@pytest.mark.parametrize("changed", [False, True])
def test_a_build_that_was_broken_off_goes_on(
    runs_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    monkeypatch.setattr("atlas_otel_exporters.datasets.create._SAVED_EVERY", 10)
    folder = tmp_path / "it"

    def stop(done: Any) -> None:
        if done.sessions == 25:
            raise _BrokenOff

    with pytest.raises(_BrokenOff):
        create_dataset(folder, KTO, database_url=runs_url, progress=stop)
    assert not folder.exists()
    state = staging.Staging(tmp_path / ".it.part").state()
    assert state is not None
    assert state.sessions == 20
    if changed:
        with psycopg.connect(runs_url) as connection:
            connection.execute("UPDATE sessions SET reward = '{\"score\": 0.25}' WHERE id = 2")
    seen: list[int] = []
    create_dataset(folder, KTO, database_url=runs_url, progress=lambda done: seen.append(done.sessions))
    assert seen[0] == (1 if changed else 21)
    create_dataset(tmp_path / "whole", KTO, database_url=runs_url)
    assert contents(folder) == contents(tmp_path / "whole")


@pytest.fixture
def command(runs_url: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "ATLAS_OTEL_DATABASE_URL": runs_url}
        return subprocess.run(
            [sys.executable, "-m", "atlas_otel", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    return run


def test_the_command_makes_lists_shows_compares_and_checks(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = str(tmp_path / "sft")
    done = command("dataset", "create", "numbers", "--format", "kto", "--output", folder, "--include-all-statuses")
    assert done.returncode == 0, done.stderr
    assert f"rows: {2 * TASKS}" in done.stderr
    assert command("dataset", "list", str(tmp_path)).stdout == f"{folder}  numbers  kto  {2 * TASKS} rows\n"
    shown = command("dataset", "show", folder)
    assert shown.stdout.startswith("numbers  kto  ")
    assert f"left out: {TASKS} (exact duplicate)" in shown.stdout
    assert json.loads(command("dataset", "show", folder, "--json").stdout)["name"] == "numbers"
    assert f"{2 * TASKS} rows in both (0 of them" in command("dataset", "diff", folder, folder).stdout
    checked = command("dataset", "verify", folder)
    assert (checked.returncode, checked.stdout) == (0, "")
    # The third run of each task is wrong, the second says what the first said.
    for session, said in (("1", f"in the dataset numbers, {folder}: 1 rows"), ("2", f"in no dataset below {tmp_path}")):
        shown = command("sessions", "show", session, "--datasets", str(tmp_path))
        assert shown.stdout.splitlines()[-1] == said, shown


def test_the_database_says_in_which_datasets_a_session_is(
    command: Callable[..., subprocess.CompletedProcess[str]], runs_url: str, tmp_path: Path
) -> None:
    for name in ("first", "again"):
        made = (
            "dataset",
            "create",
            name,
            "--format",
            "kto",
            "--output",
            str(tmp_path / name),
            "--include-all-statuses",
        )
        assert command(*made).returncode == 0
    said = f"in the dataset again (kto), made in {tmp_path / 'again'}: 1 rows"
    assert command("sessions", "show", "1").stdout.splitlines()[-1] == said, "the same content is one dataset"
    assert json.loads(command("sessions", "show", "1", "--json").stdout)["datasets"] == {str(tmp_path / "again"): 1}
    assert json.loads(command("sessions", "show", "2", "--json").stdout)["datasets"] == {}
    report = tmp_path / "report.json"
    planned = json.loads(command("delete", "--session", "1", "--dry-run").stdout)
    assert planned["datasets"] == [{"name": "again", "folder": str(tmp_path / "again")}]
    gone = command("delete", "--session", "1", "--report", str(report))
    assert f"rows of it stay in the dataset again, made in {tmp_path / 'again'}" in gone.stderr
    assert json.loads(report.read_text())["datasets"] == planned["datasets"]


def test_a_dataset_is_whole_where_the_database_cannot_list_it(
    command: Callable[..., subprocess.CompletedProcess[str]], runs_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(runs_url, autocommit=True) as connection:
        connection.execute("DROP TABLE atlas_otel.dataset_sessions")
    folder = str(tmp_path / "x")
    done = command("dataset", "create", "x", "--format", "kto", "--output", folder, "--include-all-statuses")
    assert done.returncode == 0
    assert "the database does not list this dataset" in done.stderr
    assert command("dataset", "verify", folder).returncode == 0
    assert "in the dataset" not in command("sessions", "show", "1").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "kto", "--split", "train=2"], "--split train=2: the shares"),
        (["--format", "kto", "--files", "csv"], "files are parquet or jsonl, not 'csv'"),
        (["--format", "atlas"], "has no columns for Parquet: give --files jsonl"),
        (["--format", "hf-traces"], "the Hub takes one session a file"),
        (["--format", "preference", "--pairs", "luck"], "no pairs come from luck"),
        (["--format", "kto", "--exclude", "/nowhere"], "--exclude /nowhere: cannot be read"),
        (["--format", "kto", "--min-call-reward", "nan"], "it has to be a finite number"),
    ],
)
def test_a_wrong_call_is_one_line(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = command("dataset", "create", "x", "--output", str(tmp_path / "x"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())
