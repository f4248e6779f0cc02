"""LLaMA-Factory, Axolotl, verl and ART read what is exported, by their own code, as what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from atlas_otel_exporters import export_jsonl
from tests.training.conftest import NUMBERS, TOOL, Json, Model, record
from tests.training.test_trainers import SUMS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(1200)  # the first run makes the readers' environment

RUNS = 2 * NUMBERS


def test_each_reader_takes_what_was_said(peer_python: Any, judge: Any, database_url: str, tmp_path: Path) -> None:
    record(database_url, Model())
    files = {"openai": "openai.jsonl", "chat": "chat.jsonl", "verl": "verl.parquet", "rl": "rl.jsonl"}
    for format, name in files.items():
        export_jsonl(
            tmp_path / name,
            database_url=database_url,
            review_statuses=None,
            format=format,  # type: ignore[arg-type]
            options=SUMS,
        )
    judge(peer_python, "readers.py", str(tmp_path), home=tmp_path, environment="readers")
    read: dict[str, list[Any]] = json.loads((tmp_path / "read.json").read_text())
    check_llama_factory(read["llama_factory"])
    check_axolotl(read["axolotl"])
    check_verl(read["verl"])
    check_art(read["art"])


def check_llama_factory(rows: list[Json]) -> None:
    """Its converter aligns every row."""
    assert len(rows) == 2 * RUNS
    assert all(row["_system"].strip() == "SYSTEM be brief." and json.loads(row["_tools"]) == [TOOL] for row in rows)
    assert all(row["_prompt"] and row["_response"] for row in rows), "none is skipped as abnormal"
    guess, solved = rows[2:4]
    assert [one["content"] for one in guess["_response"]] == ["ASSISTANT guess 0"]
    assert [one["role"] for one in solved["_prompt"]] == ["user", "function", "observation"]
    called = json.loads(solved["_prompt"][1]["content"])
    assert [(one["name"], json.loads(one["arguments"])) for one in called] == [("add", {"a": 0, "b": 0})] * 2


def check_axolotl(rows: list[list[str]]) -> None:
    """It trains on the marked answers, each once, and on nothing else."""
    said = ["ASSISTANT guess", "ASSISTANT thinks."]
    for number, stretches in enumerate(rows):
        assert stretches[0].startswith(said[number % 2])
        assert len(stretches) == 1 + number % 2
        assert not any(word in stretch for stretch in stretches for word in ("USER", "SYSTEM", "TOOL "))
    assert sum(len(stretches) for stretches in rows) == 3 * RUNS, "each answer once"


def check_verl(rows: list[Json]) -> None:
    """Its dataset gives each request once."""
    assert [row["raw_prompt"] for row in rows] == [
        [
            {"role": "system", "content": "SYSTEM be brief."},
            {"role": "user", "content": f"USER {number} + {number}, and twice that?"},
        ]
        for number in range(NUMBERS)
    ]
    assert [row["index"] for row in rows] == list(range(NUMBERS))


def check_art(trajectories: list[Json]) -> None:
    """Every row is a trajectory."""
    assert len(trajectories) == 2 * RUNS
    assert sorted(one["reward"] for one in trajectories) == [0.0] * RUNS + [1.0] * RUNS
    roles = [[message["role"] for message in one["messages"]] for one in trajectories[:2]]
    assert roles == [
        ["system", "user", "assistant"],
        ["system", "user", "assistant", "tool", "tool", "assistant"],
    ]
