"""TRL and ``datasets`` as judges of the training formats: every line loads, and goes through a chat template."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel_exporters.formats import FormatName

Json = dict[str, Any]
JUDGE = Path(__file__).parents[1] / "peers" / "trl_judge.py"

pytestmark = pytest.mark.timeout(600)  # the first run makes the peer's environment


@atlas.tool
def add(first: float, second: float) -> float:
    return first + second


@atlas.tool
def look_up(word: str) -> Json:
    return {"word": word, "found": [1, "two", None]}


@atlas.llm(model="scripted", provider="none")
def complete(messages: list[Json], reply: Json) -> Json:
    return reply


def call(name: str, arguments: Json) -> Json:
    """As a model calls a tool: the arguments of two tools have no type in common."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": name, "type": "function", "function": function}],
    }


def record(url: str) -> None:
    with recording() as records:
        with atlas.session("With a model") as session:
            asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 2?"}]
            called = complete(asked, call("add", {"first": 1, "second": 2}))
            answered = [*asked, called, {"role": "tool", "tool_call_id": "add", "content": str(add(1, 2))}]
            session.final_answer = complete(answered, {"role": "assistant", "content": "3"})["content"]
        with atlas.session("Without one") as session:
            add(1, second=2.5)
            look_up("x")
            session.final_answer = "3.5"
            atlas.record_reward(0.5)
        with atlas.session("With retries"):
            for attempt in (1, 2):
                with contextlib.suppress(ValueError), atlas.step("Write", id=1) as step:
                    complete(asked, {"role": "assistant", "content": "try 1" if attempt == 1 else "better"})
                    step.output = f"try {attempt}" if attempt == 1 else {"text": "better", "n": attempt}
                atlas.set_validation(attempt == 2, step=1)
                atlas.add_guidance("Better.", step=1)
            atlas.record_reward(0.75, step=1)
    with PostgresStore(url) as store:
        store.write(records.all)
        assert store.project() == 3


EXPECTED = {
    "chat": [
        "<system>Be brief.</system><user>1 + 2?</user>"
        '<assistant><call>add {"first": 1, "second": 2}</call></assistant><tool>3</tool><assistant>3</assistant>',
        '<user>Without one</user><assistant><call>add {"first": 1, "second": 2.5}</call></assistant><tool>3.5</tool>'
        '<assistant><call>look_up {"word": "x"}</call></assistant>'
        '<tool>{"word":"x","found":[1,"two",null]}</tool><assistant>3.5</assistant>',
        "<system>Be brief.</system><user>1 + 2?</user><assistant>try 1</assistant>",
        "<system>Be brief.</system><user>1 + 2?</user><assistant>better</assistant>",
    ],
    "preference": ["<system>Be brief.</system><user>1 + 2?</user><assistant>"],
    "rl": ["<system>Be brief.</system><user>1 + 2?</user><assistant>"],
}


@pytest.mark.parametrize("format", EXPECTED)
def test_lines_load_and_go_through_a_chat_template(
    peer_python: Callable[[str], str], database_url: str, tmp_path: Path, format: FormatName
) -> None:
    record(database_url)
    path = tmp_path / "lines.jsonl"
    summary = export_jsonl(path, database_url=database_url, review_statuses=None, format=format)
    done = subprocess.run(
        [peer_python("trl"), str(JUDGE), format, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {"session_id", "session_key", "span_ids"} <= set(said["columns"])
    assert len(said["rows"]) == summary.lines
    assert [row.get("text", row.get("prompt")) for row in said["rows"]] == EXPECTED[format]
    if format == "preference":
        (row,) = said["rows"]
        assert row["rejected"] == "try 1</assistant>"
        assert row["chosen"] == "better</assistant>"
        assert said["unpaired"] == 2
