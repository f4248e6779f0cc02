"""Files and a Jaeger into Postgres, by the command."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from atlas_otel import semconv
from atlas_otel.cli import main

T = 1_700_000_000_000_000_000
SESSION = "c" * 32


def line(*numbers: int, session: str | None = SESSION, trace: str = "1" * 32) -> dict[str, Any]:
    stamped = [] if session is None else [{"key": semconv.ATLAS_SESSION_ID, "value": {"stringValue": session}}]
    spans = [
        {
            "traceId": trace,
            "spanId": f"{number:016x}",
            "name": f"span {number}",
            "startTimeUnixNano": str(T + number),
            "endTimeUnixNano": str(T + number + 1),
            "attributes": stamped,
        }
        for number in numbers
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def imported(url: str, capsys: Any, *arguments: str) -> tuple[int, str, str]:
    code = main(["import", "--database-url", url, *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def stored(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as connection:
        return tuple(  # type: ignore[return-value]
            connection.execute(
                "SELECT (SELECT count(*) FROM atlas_otel.spans), (SELECT count(*) FROM sessions)"
            ).fetchone()
        )


def test_json_lines_packed_or_not_and_again(database_url: str, tmp_path: Path, capsys: Any) -> None:
    lines = "".join(json.dumps(line(*range(n * 400, n * 400 + 400))) + "\n" for n in range(1, 4))
    file, packed = tmp_path / "traces.json", tmp_path / "traces.json.gz"
    file.write_text(lines + '{"resourceLogs": []}\n\n')
    packed.write_bytes(gzip.compress(lines.encode()))

    code, out, err = imported(database_url, capsys, str(file), str(packed))

    assert (code, err) == (0, "")
    assert out == "imported 2400 spans and 0 events of 1 traces; 1 sessions computed\n"
    assert stored(database_url) == (1200, 1)
    assert imported(database_url, capsys, "--quiet", str(file)) == (0, "", "")
    assert stored(database_url) == (1200, 1)


def test_one_document_over_many_lines(database_url: str, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(line(1, 2), indent=2))
    assert imported(database_url, capsys, str(file))[0] == 0
    assert stored(database_url) == (2, 1)


def test_what_cannot_be_taken_is_named_and_the_rest_is_stored(database_url: str, tmp_path: Path, capsys: Any) -> None:
    bad = line(3)
    bad["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"traceId": "0" * 32})
    file = tmp_path / "traces.json"
    file.write_text("\n".join([json.dumps(line(1)), json.dumps(bad), "[1]", json.dumps(line(2))[:-30]]))

    code, out, err = imported(database_url, capsys, str(file))

    assert code == 1
    assert out.endswith("; not taken: 1 spans, 2 lines\n")
    assert [said.partition(": ")[0].rpartition(" ")[2] for said in err.splitlines()] == ["2", "3", "4"]
    assert stored(database_url) == (2, 1)


_PACKED = gzip.compress("".join(json.dumps(line(number)) + "\n" for number in range(1, 3001)).encode())


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (_PACKED[: len(_PACKED) // 2], "ends in the midst"),
        (_PACKED + b"what is this?", "is broken"),
        (_PACKED + _PACKED[:10] + b"\xff" * 100, "is broken"),
    ],
)
def test_of_a_packed_file_that_is_not_whole_what_can_be_read_is_stored(
    database_url: str, tmp_path: Path, capsys: Any, packed: bytes, why: str
) -> None:
    torn, other = tmp_path / "torn.json.gz", tmp_path / "other.json"
    torn.write_bytes(packed)
    other.write_text(json.dumps(line(9_999)))

    code, out, err = imported(database_url, capsys, str(torn), str(other))

    assert code == 1
    assert f"the gzip file {why}" in err.splitlines()[-1]
    spans, sessions = stored(database_url)
    assert spans == 3_001 if packed.startswith(_PACKED) else 1_000 < spans < 3_000
    assert sessions == 1
    assert out.startswith(f"imported {spans} spans and 0 events of 1 traces; 1 sessions computed; not taken: ")


def test_what_is_not_there_costs_nothing_else(database_url: str, tmp_path: Path, capsys: Any, jaeger: str) -> None:
    first, last = tmp_path / "first.json", tmp_path / "last.json"
    first.write_text(json.dumps(line(10)))
    last.write_text(json.dumps(line(11)))
    code, out, err = imported(
        database_url, capsys, str(first), str(tmp_path / "nowhere.json"), str(tmp_path), str(last),
        "--jaeger-url", jaeger, "--trace-id", "2" * 32, "--trace-id", "1" * 32,
    )  # fmt: skip
    assert code == 2
    assert out.startswith("imported 4 spans ")
    assert stored(database_url) == (4, 1)
    assert len(err.splitlines()) == 3
    assert all(said.startswith("atlas-otel: ") for said in err.splitlines())


@pytest.mark.parametrize(
    "torn", [b'{"resourceSpans": [{"scopeSp', b'anId": "1"}]}]}]}', b'{"a": b}', b'{"a": [1', b"\n\n"]
)
def test_a_torn_line_costs_itself_wherever_it_stands(
    database_url: str, tmp_path: Path, capsys: Any, torn: bytes
) -> None:
    file = tmp_path / "traces.json"
    whole = [json.dumps(line(number)).encode() for number in range(1, 5)]
    file.write_bytes(b"\n".join([torn, *whole[:2], torn, *whole[2:]]))
    code, _, err = imported(database_url, capsys, str(file))
    assert (code, len(err.splitlines())) == ((1, 2) if torn.strip() else (0, 0))
    assert stored(database_url) == (4, 1)


@pytest.mark.parametrize("before", ["", "\n \n"])
@pytest.mark.parametrize("form", ["indented", "a line each"])
def test_one_document_in_other_shapes(database_url: str, tmp_path: Path, capsys: Any, before: str, form: str) -> None:
    file = tmp_path / "one.json"
    one = line(1, 2)
    spans = one["resourceSpans"][0]["scopeSpans"][0]["spans"]
    inner = ",\n".join(json.dumps(span) for span in spans)
    by_line = f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": [\n{inner}\n]}}]}}]}}'
    file.write_text(before + (by_line if form == "a line each" else json.dumps(one, indent=1)))
    assert imported(database_url, capsys, str(file))[0] == 0
    assert stored(database_url) == (2, 1)


def test_standard_input(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    raw = io.BytesIO(gzip.compress(json.dumps(line(1, 2, 3)).encode()))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BufferedReader(raw)))  # type: ignore[arg-type]
    assert imported(database_url, capsys, "-")[0] == 0
    assert stored(database_url) == (3, 1)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nowhere.json"], ["--jaeger-url", "http://localhost:1"], ["--trace-id", "1"]],
)
def test_a_wrong_call(database_url: str, capsys: Any, arguments: list[str]) -> None:
    code, out, err = imported(database_url, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("atlas-otel: ")
    assert len(err.splitlines()) == 1


class _Jaeger(BaseHTTPRequestHandler):
    """Answers as Jaeger 2's ``/api/v3`` does: OTLP within ``result``."""

    def do_GET(self) -> None:
        known = self.path == f"/api/v3/traces/{'1' * 32}?raw_traces=true&rawTraces=true"
        body = json.dumps({"result": line(1, 2)} if known else {"error": {"httpCode": 404}}).encode()
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def jaeger() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Jaeger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_trace_from_jaeger(database_url: str, jaeger: str, capsys: Any) -> None:
    asked = ("--jaeger-url", jaeger, "--trace-id")
    assert imported(database_url, capsys, *asked, "1" * 32)[0] == 0
    assert stored(database_url) == (2, 1)
    assert imported(database_url, capsys, *asked, "2" * 32)[0] == 2
    code, _, err = imported(database_url, capsys, "--jaeger-url", "http://127.0.0.1:9", "--trace-id", "1")
    assert code == 1
    assert "no answer from Jaeger" in err


def test_documents_over_many_lines_one_after_the_other(database_url: str, tmp_path: Path, capsys: Any) -> None:
    documents = [json.dumps(line(number, trace=str(number) * 32), indent=4) for number in range(1, 4)]
    file = tmp_path / "printed.json"
    file.write_text("\n".join(["a program's own words", *documents, "more of them"]) + "\n")
    code, out, err = imported(database_url, capsys, str(file))
    assert code == 1  # for what is no JSON
    assert "imported 3 spans" in out
    assert "2 lines" in out
    assert "line 1: it is not JSON" in err


def test_a_torn_line_that_ends_with_a_comma_costs_itself(database_url: str, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "torn.json"
    file.write_text('{"resourceSpans": [],\n' + "".join(json.dumps(line(n)) + "\n" for n in range(1, 4)))
    code, out, _ = imported(database_url, capsys, str(file))
    assert code == 1
    assert "imported 3 spans" in out
    assert "1 lines" in out


def test_messages_that_come_as_logs_in_the_same_file(database_url: str, tmp_path: Path, capsys: Any) -> None:
    trace, span = "4" * 32, "5" * 16

    def log(name: str, at: int, body: dict[str, str]) -> dict[str, Any]:
        values = [{"key": key, "value": {"stringValue": value}} for key, value in body.items()]
        ids = {"traceId": trace, "spanId": span, "eventName": name, "timeUnixNano": str(T + at)}
        return {
            "resourceLogs": [{"scopeLogs": [{"logRecords": [{**ids, "body": {"kvlistValue": {"values": values}}}]}]}]
        }

    pairs = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]
    call = line(1, session=None, trace=trace)
    call["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= {"spanId": span, "attributes": attributes}
    lines = [log("gen_ai.user.message", 1, {"content": "Hi"}), call, log("gen_ai.choice", 2, {"message": "Hello"})]
    file = tmp_path / "both.json"
    file.write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = imported(database_url, capsys, str(file))
    assert (code, "imported 1 spans and 2 events" in out) == (0, True)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT task FROM sessions").fetchall() == [("Hi",)]


# --- bounds ------------------------------------------------------------------------------------------------------


def _import_of(path: Path, url: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], int]:
    """The command in a process of its own, and the most memory that it took, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "import", str(path), "--database-url", url, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, int(done.stderr.splitlines()[-1])


_PROGRAM = """
import sys
from pathlib import Path
from atlas_otel.cli import main
try:
    sys.exit(main())
finally:
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024, file=sys.stderr)
"""


@pytest.mark.parametrize("kind", ["one line", "one document", "many small things"])
def test_a_bomb_takes_no_more_memory_than_is_allowed(database_url: str, tmp_path: Path, kind: str) -> None:
    whole = json.dumps(line(1)).encode() + b"\n"
    bomb = {
        "one line": b'{"resourceSpans":"' + b"x" * (600 * 1024 * 1024),
        "one document": b"{\n" + (b'"a": "' + b"x" * 1024 * 1024 + b'",\n') * 600,
        "many small things": b'{"resourceSpans":[' + b"[]," * (60 * 1024 * 1024 // 3) + b"[]]}\n",
    }[kind]
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(whole) + gzip.compress(bomb, 1))
    done, mib = _import_of(path, database_url, "--max-document-mib", "64")
    assert done.returncode == 1, done.stderr
    assert "imported 1 spans" in done.stdout
    assert mib < 700
    assert "over" in done.stderr or "JSON" in done.stderr


def test_members_without_anything_end_an_import(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.json.gz"
    path.write_bytes(gzip.compress(json.dumps(line(1)).encode() + b"\n") + gzip.compress(b"") * 500_000)
    done, _ = _import_of(path, database_url)
    assert done.returncode == 1
    assert "imported 1 spans" in done.stdout
    assert "the gzip file is broken; what stands before it is taken" in done.stderr


def test_what_looks_like_a_model_call_in_no_known_form_is_said(database_url: str, tmp_path: Path, capsys: Any) -> None:
    unknown = line(1, session=None)
    scope = unknown["resourceSpans"][0]["scopeSpans"][0]
    scope["scope"] = {"name": "acme"}
    scope["spans"][0]["attributes"] = [
        {"key": "acme.model", "value": {"stringValue": "m"}},
        {"key": "acme.prompt_tokens", "value": {"intValue": "3"}},
    ]
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(unknown))
    code, out, err = imported(database_url, capsys, str(file))
    assert (code, "imported 1 spans" in out) == (0, True)
    assert "1 spans of scope acme were kept but not understood" in err
