"""A decorated agent, run as a user runs it, seen in Jaeger: its story reads without opening a tag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from processes import Stack, attributes

PROGRAM = Path(__file__).parent / "programs" / "storyteller.py"
CHUNKS = 300
MIRRORED = 100
"""How many of our events a span shows one by one."""
STORY = [
    "invoke_agent answer",
    "step 1: Look it up",
    "execute_tool search",
    "execute_tool search",
    "step 1 (attempt 2): Look it up",
    "step 2: Answer",
    "chat my-model",
    "chat my-model",
    "chat pushed",
]


class Told(NamedTuple):
    """What the program printed of its run, the run in Jaeger, and its environment."""

    session: str
    trace: str
    root: str
    url: str
    spans: list[dict[str, Any]]
    env: dict[str, str]


@pytest.fixture
def told(stack: Stack, database_url: str, tmp_path: Path) -> Iterator[Told]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    env = {
        **kept,
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "ATLAS_OTEL_JAEGER_URL": stack.jaeger.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.collector.endpoint,
    }
    ran = subprocess.run(
        [sys.executable, str(PROGRAM)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    return Told(**found, spans=stack.jaeger.await_spans(found["trace"], len(STORY)), env=env)


def events(span: dict[str, Any]) -> list[str]:
    return [event["name"] for event in span.get("events", [])]


def test_the_story_reads_from_names_nesting_errors_and_events(told: Told) -> None:
    root, first, found, failed, second, last, whole, streamed, pushed = told.spans
    assert [span["name"] for span in told.spans] == STORY
    assert root["spanId"] == told.root
    assert not root.get("parentSpanId")
    assert {span["parentSpanId"] for span in (first, second, last)} == {root["spanId"]}, "attempts are siblings"
    assert {span["parentSpanId"] for span in (found, failed)} == {first["spanId"]}
    assert {span["parentSpanId"] for span in (whole, streamed, pushed)} == {last["spanId"]}
    assert [attributes(span)["atlas.step.attempt"] for span in (first, second)] == ["1", "2"]
    kinds = {span["name"]: span["kind"] for span in told.spans}
    internal, client = 1, 3
    assert (kinds["invoke_agent answer"], kinds["execute_tool search"], kinds["chat my-model"]) == (
        internal, internal, client,
    )  # fmt: skip

    assert failed["status"] == {"code": 2, "message": "LookupError: no such note"}
    assert events(failed) == ["exception"]
    assert first["status"] == {"code": 2, "message": "ValidationFailed: no source"}
    wrong = [span["name"] for span in told.spans if span.get("status", {}).get("code") == 2]
    assert wrong == [first["name"], failed["name"]]

    assert events(root) == ["atlas.plan"]
    assert events(first) == ["atlas.validation", "atlas.guidance", "exception"]
    assert events(second) == ["atlas.adapter_event"]
    assert events(last) == ["gen_ai.evaluation.result"]
    (reward,) = last["events"]
    assert attributes(reward)["gen_ai.evaluation.score.value"] == 0.5
    (opened,) = second["events"]
    assert json.loads(attributes(opened)["atlas.event.payload"]) == {"opened": ["library"]}
    assert len(pushed["events"]) == MIRRORED < CHUNKS, "each in sight, up to a bound"
    assert attributes(pushed)["atlas.stream.chunks"] == attributes(streamed)["atlas.stream.chunks"] == str(CHUNKS)


def test_content_is_readable_json_and_tokens_are_numbers(told: Told) -> None:
    _, _, found, failed, _, _, whole, streamed, _ = map(attributes, told.spans)
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"query": "otters"}
    assert json.loads(found["gen_ai.tool.call.result"]) == ["first", "second"]
    assert json.loads(failed["gen_ai.tool.call.arguments"]) == {"query": "nothing"}
    assert (whole["gen_ai.usage.input_tokens"], whole["gen_ai.usage.output_tokens"]) == ("12", "3")
    assert (whole["gen_ai.operation.name"], whole["gen_ai.request.model"]) == ("chat", "my-model")
    (asked,) = json.loads(streamed["gen_ai.input.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "Tell me more."}]}
    for called, said in ((whole, "It is done."), (streamed, "".join(f"word {number} " for number in range(CHUNKS)))):
        (answer,) = json.loads(called["gen_ai.output.messages"])
        assert answer["parts"] == [{"type": "text", "content": said}]


def test_the_links_lead_there(told: Told, stack: Stack, database_url: str) -> None:
    assert told.url == f"{stack.jaeger.url}/trace/{told.trace}"
    command = [sys.executable, "-m", "atlas_otel", "sessions", "open", told.session, "--print"]
    opened = subprocess.run(command, env=told.env, capture_output=True, text=True, timeout=60, check=True)
    assert opened.stdout.splitlines() == [told.url]

    with psycopg.connect(database_url) as database:
        ((late,),) = database.execute("SELECT trace_id FROM atlas_otel.spans WHERE kind = 'reward'").fetchall()
    (reward,) = stack.jaeger.await_spans(late, 1)
    assert [(link["traceId"], link["spanId"]) for link in reward["links"]] == [(told.trace, told.root)]
    assert events(reward) == ["gen_ai.evaluation.result"]
