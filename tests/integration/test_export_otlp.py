"""``export --format otlp``: what was recorded, taken in by another database, gives the same lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from pathlib import Path


@atlas.llm(model="m")
def answer(messages: list[dict[str, str]]) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": "Two."}, "finish_reason": "stop"}]}


@atlas.tool
def look(where: str, depth: float) -> dict[str, Any]:
    return {"found": ["a", "b"], "depth": depth}


def test_records_go_round_by_a_file(database_url: str, empty_database_url: str, tmp_path: Path, capsys: Any) -> None:
    first, second = database_url, empty_database_url
    atlas.configure(database_url=first, service_name="round")
    with atlas.session("Count the files") as session, atlas.step("Look", id=1):
        atlas.set_plan(["Look"])
        look("é 東京", 1.0)
        answer([{"role": "user", "content": "How many?"}])
        atlas.record_reward(0.5, rationale="half of it")
        session.final_answer = "Two."
    assert atlas.flush(60)
    atlas.shutdown()

    assert main(["export", "--output", str(tmp_path / "o.jsonl"), "--format", "otlp", "--include-all-statuses",
                 "--database-url", first]) == 0  # fmt: skip
    assert main(["import", str(tmp_path / "o.jsonl"), "--database-url", second]) == 0
    lines = []
    for number, url in enumerate((first, second)):
        export_jsonl(tmp_path / f"{number}.jsonl", database_url=url, review_statuses=None)
        lines.append(json.loads((tmp_path / f"{number}.jsonl").read_text()))
    assert without_times(lines[0]) == without_times(lines[1])
    assert "1 lines" in capsys.readouterr().err


def without_times(value: Any) -> Any:
    """The line without when its rows were written, and without who vouches for a score that came by a file."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in ("created_at", "source")}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def test_no_dataset_is_made_of_records(database_url: str, tmp_path: Path, capsys: Any) -> None:
    code = main(["dataset", "create", "d", "--format", "otlp", "--files", "jsonl", "--output", str(tmp_path / "d"),
                 "--database-url", database_url])  # fmt: skip
    assert code == 2
    assert "its lines are records, to be sent again; use export" in capsys.readouterr().err
