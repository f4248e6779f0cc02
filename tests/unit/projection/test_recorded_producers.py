"""What real producers sent (``tests/recorded/producers``), read and exported, against what their model's server saw."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from atlas_otel.capture.capture import Capture
from atlas_otel.otlp.documents import decode_document
from atlas_otel_exporters.training.options import RowOptions
from tests.support.memory_store import MemoryStore
from tests.support.model_wires import ANSWER, CITIES, TASK, TOKENS, arguments
from tests.support.producers import LOOPS, PRODUCERS, RECORDED, recording
from tests.support.stored_sessions import lines, lines_of_conversation
from tests.support.wire_log import Exchange, Said, compact, conversations, exchanges, of_line, without_form

Json = dict[str, Any]

DIFFERS = {
    "adk-openinference": "with this release of ADK both model calls write to one span, so that one is left",
    "cohere": "ids of calls and results of the history are not written",
    "haystack-openinference": "ids of calls, and results, are not written",
    "openai-responses-openllmetry": "calls bear the id of their item, not the one that results name",
    "pydantic-ai": "the result of a retry is written without what the provider is sent around it",
    "semantic-kernel": "text next to tool calls is not written",
    "vercel-stream": "the keys of arguments are written in another order",
}
"""Whose records cannot equal what the server saw, and why."""
NOT_OFFERED = {"autogen-openinference", "azure", "haystack-openinference", "openai-agents", "openai-v2"}
"""Who does not write the tools that were offered."""
OTHER_SCHEMA = {"agent-framework-responses"}
"""Whose tools are written with other parameters than the server was sent."""
UNCOUNTED = {"dspy"}
"""Who does not write how many tokens a call took."""
WROTE = {"adk-openinference": 1}
"""How many of its model calls a producer wrote, where not all."""


@dataclass(frozen=True)
class Read:
    """What became of a recording."""

    asked: list[Exchange]
    lines: list[Json]
    chat: list[Json]

    @property
    def payloads(self) -> list[Json]:
        return [one["event"]["payload"] for one in self.lines[0]["trajectory_events"]]

    def events(self, kind: str) -> list[Json]:
        return [one for one in self.payloads if one["event_type"] == kind]


@cache
def read(name: str) -> Read:
    held = recording(name)
    with MemoryStore() as store:
        for document in held.signals:
            store.write(decode_document(document, Capture()).records)
        while store.project():
            pass
        sessions = [rows for key in store.sessions() if (rows := store.rows(key)) is not None]
    chat = [line for rows in sessions for line in lines("chat", rows, RowOptions(arguments="text"))]
    return Read(exchanges(held.exchanges), [line for rows in sessions for line in lines("atlas", rows)], chat)


AGENTS = {
    "claude-code": "messages are not written",
    "codex": "messages are not written",
    "copilot-cli": "yes",
    "gemini-cli": "yes; its spans are a trace for each call, and its log records a session next to them",
}
"""Command-line agents, which have prompts and tools of their own: held against the server in tests of their own."""
NAMES = sorted(PRODUCERS.keys() - AGENTS.keys())


def test_each_producer_is_recorded() -> None:
    assert sorted(path.stem for path in RECORDED.glob("*.jsonl")) == sorted([*PRODUCERS, *LOOPS])
    assert len({producer.title for producer in PRODUCERS.values()}) == len(PRODUCERS) > 50


@pytest.mark.parametrize("name", NAMES)
def test_the_line_is_what_happened(name: str) -> None:
    found = read(name)
    (line,) = found.lines
    assert TASK in line["task"] if name.startswith("crewai") else line["task"] == TASK
    assert line["final_answer"].strip().endswith(ANSWER)
    assert line["session_metadata"]["status"] == "succeeded"
    assert ANSWER in "\n".join(str(step["output"]) for step in line["steps"])
    calls = WROTE.get(name, len(found.asked))
    assert len(found.events("LLM_START")) == len(found.events("LLM_END")) == calls
    usage = line["session_metadata"]["token_usage"]
    if name in UNCOUNTED:
        assert usage["total_tokens"] == 0
        return
    given, came, _ = TOKENS
    assert (usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]) == (calls, given * calls, came * calls)


@pytest.mark.parametrize("name", NAMES)
def test_tool_calls_are_those_that_were_made(name: str) -> None:
    """Of those that write them: arguments, what came of it, and that one failed."""
    found = read(name)
    starts = [one for one in found.events("TOOL_START") if "weather" in one["name"]]
    if not starts:
        return
    ends = {one["UUID"]: one for one in found.events("TOOL_END")}
    assert len(starts) == 2
    if name == "autogen":  # its spans of tools hold neither
        return
    assert sorted(one["data"]["input"]["city"] for one in starts) == ["Atlantis", "Oslo"]
    assert all(one["data"]["input"].keys() == {"city", "unit"} for one in starts)
    for start in starts:
        end = ends[start["UUID"]]
        if start["data"]["input"]["city"] == "Oslo":
            assert "4 degrees" in json.dumps(end["data"]["output"])
            assert end["metadata"]["status"] == "succeeded"
        else:
            said = json.dumps([end["data"]["output"], end["metadata"].get("error")])
            assert "no such city" in said or (name.startswith("openai-agents") and "redacted" in said)
        ids = {one for one, city in CITIES if city == start["data"]["input"]["city"]}
        call_id = (start["metadata"].get("tool_info") or {}).get("call_id")
        assert call_id is None or call_id in ids or call_id.startswith("adk-")


@pytest.mark.parametrize("name", NAMES)
def test_chat_is_what_the_server_saw(name: str) -> None:
    """Every message, its text, the ids of calls and results, arguments and the order of their keys; each answer as the
    model wrote it, and trained on once."""
    found = read(name)
    expected = [_comparable(one) for one in conversations(found.asked)]
    written = [_comparable(of_line(line["messages"])) for line in found.chat]
    bare = [_without_ids(one, expected) for one in written]
    assert (sorted(map(repr, bare)) == sorted(map(repr, expected))) is (name not in DIFFERS or name in WROTE)
    trained = [_said(one) for line in found.chat for one in line["messages"] if one["train"]]
    answers = [_without_form(one.answer) for one in found.asked]
    assert len(trained) == WROTE.get(name, len(answers))
    for one in trained:
        assert one.text in ("", *(answer.text for answer in answers))
        assert {compact(text) for _, _, text in one.calls} <= set(map(compact, _written_arguments(found))) or (
            name in DIFFERS
        )


@pytest.mark.parametrize("name", NAMES)
def test_tools_offered_are_those_that_the_server_was_sent(name: str) -> None:
    found = read(name)
    for line in found.chat:
        tools = json.loads(line["tools"]) if line["tools"] else []
        offered = {tool["function"]["name"]: tool["function"].get("parameters") for tool in tools}
        if name in NOT_OFFERED:
            assert offered == {}
            continue
        sent = found.asked[0].tools
        assert offered.keys() == sent.keys()
        assert (offered == sent) is (name not in OTHER_SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_in_silence(name: str) -> None:
    for line in read(name).chat:
        assert line["omitted_parts"] == 0 or line["unread"], "what is left out is marked"
        assert line["unread"] is None or name in DIFFERS


def _comparable(said: tuple[Said, ...]) -> tuple[Said, ...]:
    return tuple(map(_without_form, said))


def _without_form(said: Said) -> Said:
    """Newer models' ``developer`` is the system."""
    bare = without_form(said)
    return Said("system" if bare.role == "developer" else bare.role, bare.text, bare.calls, bare.id)


def _said(message: Json) -> Said:
    (said,) = of_line([message])
    return _without_form(said)


def _without_ids(said: tuple[Said, ...], expected: list[tuple[Said, ...]]) -> tuple[Said, ...]:
    """Without the ids that a client gave itself, where the wire has none (Gemini's, Ollama's)."""
    if any(one.id or any(call[0] for call in one.calls) for messages in expected for one in messages):
        return said
    return tuple(Said(one.role, one.text, tuple((None, *call[1:]) for call in one.calls)) for one in said)


def _written_arguments(found: Read) -> list[str]:
    return [text for one in found.asked for _, _, text in one.answer.calls]


# --- command-line agents ----------------------------------------------------------------------------------------------


def _check_agent(line: Json, tool: str) -> None:
    assert line["task"].endswith(TASK)
    assert line["session_metadata"]["conversation_id"]
    usage = line["session_metadata"]["token_usage"]
    assert (usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]) == (2, 300, 40)
    payloads = [one["event"]["payload"] for one in line["trajectory_events"]]
    starts = [one for one in payloads if one["event_type"] == "TOOL_START"]
    outputs = {one["UUID"]: json.dumps(one["data"]["output"]) for one in payloads if one["event_type"] == "TOOL_END"}
    assert sorted(one["metadata"]["tool_info"]["call_id"] for one in starts) == ["call_atlantis", "call_oslo"]
    for start in starts:
        assert start["name"] == tool
        command = start["data"]["input"].get("cmd") or start["data"]["input"]["command"]
        if start["metadata"]["tool_info"]["call_id"] == "call_oslo":
            assert command == "echo 4 degrees"
            assert "4 degrees" in outputs[start["UUID"]]
        else:
            assert command == "echo no such city: Atlantis >&2; exit 1"


def test_codex() -> None:
    """Events that stand under its spans and such as do not are one session; none holds what the model said."""
    (line,) = read("codex").lines
    _check_agent(line, "exec_command")
    assert read("codex").chat == []


def test_claude_code() -> None:
    """Its spans, and the answers that its log records have."""
    (line,) = read("claude-code").lines
    _check_agent(line, "Bash")
    assert line["final_answer"] == ANSWER


def test_copilot_cli() -> None:
    found = read("copilot-cli")
    (line,) = found.lines
    _check_agent(line, "bash")
    assert line["final_answer"] == ANSWER
    (chat,) = found.chat
    (expected,) = [_comparable(one) for one in conversations(found.asked)]
    written = _comparable(of_line(chat["messages"]))
    assert sorted(map(repr, written)) == sorted(map(repr, expected)), "its results are in another order"
    offered = {one["function"]["name"] for one in json.loads(chat["tools"]) if one["type"] == "function"}
    assert offered >= found.asked[0].tools.keys()


def test_gemini_cli() -> None:
    """Its spans: what the server saw, whole, as one conversation over two traces."""
    held = recording("gemini-cli")
    spans = [one for one in held.signals if "resourceSpans" in one]
    with MemoryStore() as store:
        for document in spans:
            store.write(decode_document(document, Capture()).records)
        while store.project():
            pass
        sessions = [rows for key in store.sessions() if (rows := store.rows(key)) is not None]
    assert len({rows.session.metadata["conversation_id"] for rows in sessions}) == 1
    (line,) = lines_of_conversation("chat", sessions, RowOptions(arguments="text"))
    (expected,) = [_comparable(one) for one in conversations(exchanges(held.exchanges))]
    written = _comparable(of_line(line["messages"]))
    assert [(one.role, one.text, len(one.calls)) for one in written] == [
        (one.role, one.text, len(one.calls)) for one in expected
    ]
    (calling,) = [one for one in written if one.calls]
    assert [call[0] for call in calling.calls] == [one.id for one in written if one.role == "tool"]
    assert json.loads(line["tools"])
    logs = [line for line in read("gemini-cli").lines if line["task"] == TASK]
    assert [one["final_answer"] for one in logs] == [ANSWER]


# --- the page ---------------------------------------------------------------------------------------------------------


def _to_the_byte(name: str) -> bool:
    """Whether the arguments are in the chat line as the model wrote them, spaces too."""
    found = read(name)
    wanted = set(_written_arguments(found))
    texts = {
        call["function"]["arguments"]
        for line in found.chat
        for one in line["messages"]
        if one["train"]
        for call in one.get("tool_calls") or ()
    }
    return bool(wanted) and wanted <= texts and any(arguments(city) in wanted for _, city in CITIES)


def table() -> str:
    """The table of the page: what the tests here find of each producer."""
    rows = [
        "| producer | recorded with | conversation | arguments | tools offered | tool calls | has to be set |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, producer in sorted(PRODUCERS.items(), key=lambda item: item[1].title.lower()):
        found = read(name)
        if name in AGENTS:
            (package, version), *_ = recording(name).installed.items()
            rows.append(f"| {producer.title} | {package} {version} | {AGENTS[name]} | | | yes | {producer.needs} |")
            continue
        versions = ", ".join(f"{package} {version}" for package, version in recording(name).installed.items())
        offered = "" if name in NOT_OFFERED else "other parameters" if name in OTHER_SCHEMA else "yes"
        called = any("weather" in one["name"] for one in found.events("TOOL_START"))
        wrote = any(one.answer.calls for one in found.asked)
        arguments = ("to the byte" if _to_the_byte(name) else "as JSON") if wrote else "in the text"
        chat = DIFFERS.get(name, "yes")
        rows.append(
            f"| {producer.title} | {versions} | {chat} | {arguments} | {offered if found.asked[0].tools else '—'}"
            f" | {'yes' if called else ''} | {producer.needs} |"
        )
    return "\n".join(rows)


def test_the_page_has_the_table_of_these_tests() -> None:
    page = (Path(__file__).parents[3] / "docs" / "frameworks.md").read_text(encoding="utf-8")
    assert table() in page, f"put this into docs/frameworks.md:\n{table()}"
