"""What a person sees of a run in Jaeger: conversations cut between messages, agents with task and answer, verdicts in
words, metadata that can be searched. And what the Collector hands on for the record stays whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import requests
from processes import Collect, Collector, Jaeger, attributes, eventually

PROGRAM = Path(__file__).parent / "programs" / "long_talker.py"
SPANS = 7
MESSAGES = 42


class Seen(NamedTuple):
    """The run in Jaeger: its trace, its session, and its spans by name."""

    trace: str
    session: str
    spans: dict[str, dict[str, Any]]


def run(jaeger: Jaeger, endpoint: str, tmp_path: Path, **more: str) -> Seen:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    env = {**kept, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"), **more}
    ran = subprocess.run(
        [sys.executable, str(PROGRAM)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    where = json.loads(ran.stdout)
    found = jaeger.await_spans(where["trace"], SPANS)
    return Seen(where["trace"], where["session"], {span["name"]: span for span in found})


def texts(messages: str) -> list[str]:
    return ["".join(part.get("content", "") for part in one["parts"]) for one in json.loads(messages)]


def check_conversation(cut: str) -> None:
    said = texts(cut)
    assert len(cut.encode()) <= 60_000
    assert said[0] == "You know birds."
    assert said[1].startswith("message 0: ")
    assert said[-1] == "message 40: " + "é" * 2_000
    (between,) = [text for text in said if text.startswith("…")]
    missing = MESSAGES - (len(said) - 1)
    assert between.startswith(f"… {missing} messages, ")
    assert missing > 10


@pytest.fixture
def seen(jaeger: Jaeger, collector: Collector, tmp_path: Path) -> Seen:
    return run(jaeger, collector.endpoint, tmp_path)


def test_a_run_reads(seen: Seen, jaeger: Jaeger) -> None:
    spans = seen.spans
    root = attributes(spans["invoke_agent naturalist"])
    call = attributes(spans["chat gpt-4o-mini"])
    check_conversation(call["gen_ai.input.messages"])

    # The agents say what they were asked and what they answered, with what, and for how much.
    assert texts(root["gen_ai.input.messages"]) == ["Which bird is this?"]
    assert texts(root["gen_ai.output.messages"]) == ["A heron."]
    assert root["atlas.answer"] == "A heron."
    assert json.loads(root["gen_ai.system_instructions"]) == [{"type": "text", "content": "You know birds."}]
    assert "look" in root["gen_ai.tool.definitions"]
    assert (root["gen_ai.usage.input_tokens"], root["gen_ai.usage.output_tokens"]) == ("1000", "50")
    assert root["gen_ai.conversation.id"] == "talk-7"
    assert call["atlas.cost.usd"] == root["atlas.cost.usd"] > 0
    helper = attributes(spans["invoke_agent birder"])
    assert texts(helper["gen_ai.input.messages"]) == ["What does it look like?"]
    assert texts(helper["gen_ai.output.messages"]) == ["Grey, with long legs."]

    # Attempts can be told apart; the rejected one is an error, with its reason.
    first, second = spans["step 1: Look closely"], spans["step 1 (attempt 2): Look closely"]
    assert first["status"] == {"code": 2, "message": "ValidationFailed: nobody looked at the beak"}
    assert second.get("status", {}).get("code") != 2
    assert attributes(first)["atlas.validation.reason"] == "nobody looked at the beak"
    assert attributes(spans["step 2: Say what it is"])["atlas.reward.score"] == 0.75
    assert (root["atlas.reward.score"], root["atlas.reward.rationale"]) == (0.5, "half right")

    # A tool's text is that text; its arguments are JSON.
    tool = attributes(spans["execute_tool look"])
    assert tool["gen_ai.tool.call.result"] == 'Two lines:\n"one"'
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"place": "pond"}

    # Logs say what was said; the machine's copy is not there.
    assert not [span for span in spans.values() if "atlas.events" in attributes(span)]
    logs = {
        event["name"]: attributes(event)
        for span in (first, spans["step 2: Say what it is"])
        for event in span["events"]
    }
    assert logs["atlas.guidance"] == {"atlas.guidance.note": "look at the beak"}
    assert logs["atlas.validation"] == {
        "atlas.validation.valid": False,
        "atlas.validation.reason": "nobody looked at the beak",
    }
    assert logs["gen_ai.evaluation.result"]["gen_ai.evaluation.explanation"] == "the species is missing"

    # What was said of the session can be searched.
    scope = jaeger.scopes(seen.trace)
    assert {(one["name"], bool(one.get("version"))) for one in scope} == {("atlas_otel", True)}
    for tag in ({"tenant": "acme"}, {"region": "delta"}, {"n.a": "1"}, {"atlas.tag.birds": "true"}):
        assert jaeger.search("long-talker", tag) == [seen.trace], tag
    assert jaeger.search("long-talker", {"tenant": "other"}) == []


@pytest.fixture
def collect_endpoint(collect: Collect) -> str:
    return collect.endpoint


def test_what_goes_to_the_record_is_whole(seen: Seen, collect: Collect, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as database:
        query = "SELECT name, attributes FROM atlas_otel.spans WHERE trace_id = %s"
        rows = eventually(
            lambda: rows if len(rows := database.execute(query, [seen.trace]).fetchall()) >= SPANS else None,
            seconds=30,
            what="the record has every span",
        )
    found = dict(rows)
    said = texts(found["chat gpt-4o-mini"]["gen_ai.input.messages"])
    assert len(said) == MESSAGES
    assert json.loads(found["execute_tool look"]["gen_ai.tool.call.result"]) == 'Two lines:\n"one"'
    root = found["invoke_agent naturalist"]
    assert not {"tenant", "atlas.answer", "gen_ai.input.messages", "gen_ai.usage.input_tokens"} & root.keys()
    assert not [key for attributes in found.values() for key in attributes if key.startswith("atlas.view.")]


def test_straight_to_jaeger(jaeger: Jaeger, tmp_path: Path) -> None:
    seen = run(jaeger, f"http://127.0.0.1:{jaeger.otlp_http_port}", tmp_path, ATLAS_OTEL_OTLP_RECEIVER="jaeger")
    call = attributes(seen.spans["chat gpt-4o-mini"])
    check_conversation(call["gen_ai.input.messages"])
    assert not [key for key in call if key.startswith("atlas.view.short.")]
    assert not [span for span in seen.spans.values() if "atlas.events" in attributes(span)]


def test_the_storages_limit_is_a_setting(jaeger: Jaeger, tmp_path: Path) -> None:
    more = {"ATLAS_OTEL_OTLP_RECEIVER": "jaeger", "ATLAS_OTEL_JAEGER_VALUE_BYTES": "20000"}
    seen = run(jaeger, f"http://127.0.0.1:{jaeger.otlp_http_port}", tmp_path, **more)
    assert len(attributes(seen.spans["chat gpt-4o-mini"])["gen_ai.input.messages"].encode()) <= 20_000


def test_the_page_is_told_what_comes_first_and_where_links_lead(seen: Seen, jaeger: Jaeger) -> None:
    page = requests.get(jaeger.url, timeout=10).text
    config = json.loads(re.search(r"JAEGER_CONFIG = (\{.*?\});", page, re.DOTALL)[1])  # type: ignore[index]
    shown = {key for span in seen.spans.values() for key in attributes(span)}
    first = config["topTagPrefixes"]
    assert first[:4] == ["atlas.task", "atlas.answer", "atlas.validation.", "atlas.reward."]
    assert all(any(key.startswith(prefix) for key in shown) for prefix in first[:4])
    links = {link["type"]: link for link in config["linkPatterns"]}
    assert links["tags"]["key"] in shown
    assert links["traces"]["url"].endswith("/sessions/#{traceID}")
    assert all("atlas-otel sessions show #{" in link["text"] for link in links.values())


FOREIGN = """
import atlas_otel as atlas
from opentelemetry import trace
telemetry = atlas.configure("foreign")
tracer = trace.get_tracer("some-framework")
with tracer.start_as_current_span("POST /ask") as request:
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    with tracer.start_as_current_span("chat m", attributes=told):
        pass
print(format(request.get_span_context().trace_id, "032x"))
telemetry.shutdown(30)
"""


def test_a_foreign_trace_says_which_session_it_is(
    jaeger: Jaeger, collector: Collector, collect: Collect, database_url: str, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    own = {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "own")}
    env = {**kept, **own, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    ran = subprocess.run(
        [sys.executable, "-c", FOREIGN], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    (root, call) = jaeger.await_spans(ran.stdout.strip(), 2)
    key = attributes(root)["atlas.session.id"]
    assert "atlas.session.id" not in attributes(call)
    command = [sys.executable, "-m", "atlas_otel", "sessions", "show", key, "--json"]
    shown = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(shown.stdout)["session_id"] == key


BIRDS = """
import json, sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
def message(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}
asked = [message("system", "Be brief."), *(message("user", f"{n}: " + "é" * int(sys.argv[1])) for n in range(41))]
told = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(asked, ensure_ascii=False)}
told["gen_ai.output.messages"] = json.dumps([message("assistant", "w" * 200_000 + " the end")])
with provider.get_tracer("others").start_as_current_span("chat", attributes=told) as span:
    print(format(span.get_span_context().trace_id, "032x"))
provider.shutdown()
"""


@pytest.mark.parametrize(("characters", "whole"), [(1_000, True), (40_000, False)])
def test_others_conversations_stay_json_too(jaeger: Jaeger, collector: Collector, characters: int, whole: bool) -> None:
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    command = [sys.executable, "-c", BIRDS, str(characters)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    (span,) = jaeger.await_spans(ran.stdout.strip(), 1)
    asked = texts(attributes(span)["gen_ai.input.messages"])
    if whole:
        ends = [f"{number}: " + "é" * characters for number in (38, 39, 40)]
        assert asked == ["Be brief.", "0: " + "é" * characters, "… 37 messages …", *ends]
    else:
        (said,) = asked
        assert said.startswith("… 42 messages, ")
    (answer,) = texts(attributes(span)["gen_ai.output.messages"])
    assert answer.startswith("… 1 messages, ")
    assert " the end" in answer
