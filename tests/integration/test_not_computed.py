"""A session whose rows cannot be computed is named by every command that looks at it, and what no database holds never
makes it one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.postgres.sessions import not_computed
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import SessionFold
from atlas_otel.records.record import Record
from atlas_otel.testing import recording

NUL = r'{"out": "a\u0000b", "half": "\ud83d"}'


def otlp(trace: str, attributes: dict[str, str]) -> str:
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    times = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"}
    span = {"traceId": trace * 32, "spanId": trace * 16, "name": "s", **times, "attributes": pairs}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def agent(trace: str, name: str = "A", **attributes: str) -> str:
    return otlp(trace, {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, **attributes})


class Refusing(SessionFold):
    """A fold that cannot compute the sessions of an agent called ``broken``."""

    def add(self, record: Record) -> None:
        if "broken" in str(record):
            raise ValueError("a reader stumbled")
        super().add(record)


def test_import_rebuild_list_and_doctor_name_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PostgresStore, "_new_fold", lambda _: Refusing())
    file = tmp_path / "spans.jsonl"
    file.write_text(f"{agent('a', 'well')}\n{agent('b', 'broken')}\n")
    given = ["--database-url", database_url]
    assert main(["import", str(file), *given]) == 1
    said = capsys.readouterr()
    assert "2 spans" in said.out
    assert "1 sessions computed; 1 sessions cannot be computed" in said.out
    (broken,) = not_computed(database_url)
    assert f"session {broken.key} cannot be computed: ValueError: a reader stumbled" in said.err

    assert main(["sessions", "list", *given]) == 0
    said = capsys.readouterr()
    assert broken.key[:8] in said.out
    assert f"session {broken.key} cannot be computed: ValueError: a reader stumbled" in said.err

    assert main(["doctor", "--no-probe", *given]) == 1
    assert f"1 sessions cannot be computed from their records: {broken.key}" in capsys.readouterr().out

    assert main(["rebuild", "--all", *given]) == 1
    said = capsys.readouterr()
    assert "2 sessions to compute again, 1 computed; 1 cannot be computed" in said.out
    assert broken.key in said.err

    monkeypatch.undo()
    assert main(["rebuild", "--all", *given]) == 0
    assert "2 sessions to compute again, 2 computed\n" in capsys.readouterr().out
    assert not_computed(database_url) == []


def test_a_nul_and_half_an_emoji_anywhere_in_json_cost_one_character(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "a\0b"}]}])
    lines = [
        agent("a", **{"gen_ai.input.messages": message, "output.value": NUL, "input.value": NUL}),
        otlp(
            "b", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.tool.definitions": f"[{NUL}]"}
        ),
        otlp("c", {"openinference.span.kind": "AGENT", "metadata": NUL, "input.value": NUL, "output.value": NUL}),
        otlp("d", {"traceloop.span.kind": "workflow", "traceloop.entity.input": NUL, "traceloop.entity.output": NUL}),
    ]
    file = tmp_path / "spans.jsonl"
    file.write_text("\n".join(lines))
    assert main(["import", str(file), "--database-url", database_url]) == 0
    assert "4 sessions computed" in capsys.readouterr().out
    assert (
        main(
            [
                "export",
                "--output",
                str(tmp_path / "out.jsonl"),
                "--database-url",
                database_url,
                "--include-all-statuses",
            ]
        )
        == 0
    )
    exported = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["task"] for line in exported if line["session_metadata"]["agent_name"] == "A"] == ["a\ufffdb"]
    assert not any("\0" in str(line) or "\ud83d" in str(line) for line in exported)
    assert main(["verify", "--database-url", database_url]) == 0


def test_what_decorated_code_returns_as_json_text_too(database_url: str) -> None:
    with recording() as recorded:

        @atlas.agent
        def run(task: str) -> str:
            with atlas.step("look", id=1) as step:
                step.output = '{"status": "ok", "notes": "a\\u0000b", "artifacts": ["\\ud83d"]}'
            return NUL

        run("task \0 and \\u0000")
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        while store.project():
            pass
    assert not_computed(database_url) == []


@pytest.mark.parametrize("depth", [200, 900])
def test_a_result_nested_deep_is_stored_exported_and_verified(
    database_url: str, tmp_path: Path, depth: int, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = '{"a": ' * depth + "1" + "}" * depth
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t", "gen_ai.tool.call.result": deep}
    file, out = tmp_path / "spans.jsonl", tmp_path / "out.jsonl"
    child = json.loads(otlp("a", tool))
    span = child["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span.update(spanId="b" * 16, parentSpanId="a" * 16)
    file.write_text(f"{agent('a')}\n{json.dumps(child)}\n")
    given = ["--database-url", database_url]
    assert main(["import", str(file), *given]) == 0
    assert main(["export", "--output", str(out), *given, "--include-all-statuses"]) == 0
    assert main(["verify", "--file", str(out), *given]) == 0, capsys.readouterr()
    assert deep.replace(" ", "") in out.read_text().replace(" ", "")
