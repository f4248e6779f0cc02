"""A secret planted in every place that can hold one, looked for in every sink, with the real program and real sinks."""

from __future__ import annotations

import base64
import gzip
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel import semconv
from atlas_otel.cli import main

PROGRAM = Path(__file__).parent / "programs" / "planted.py"
# A shape that the shipped patterns know, and that occurs nowhere else.
SECRET = "ghp_" + "Zq7Kd9Wx2Lm4Np6Rt8Vy1Bc3Df5Gh0Js2TuA"
MODES = {
    "content off by argument": {"PLANTED_OFF": "1"},
    "content off by OpenTelemetry's variable": {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"},
    "content off by our variable": {"ATLAS_OTEL_CAPTURE_CONTENT": "false", "PLANTED_ALONE": "1"},
    "a redactor": {"PLANTED_REDACT": "callable"},
    "shipped patterns": {"PLANTED_REDACT": "secrets", "PLANTED_ALONE": "1"},
}
CODED = [base64.b64encode(SECRET.encode(code)).decode()[4:-4] for code in ("utf-16", "utf-8")]
PASSWORD = "correct-horse-battery"
KEPT_IN = ("sessions", "plans", "step_results", "trajectory_events", "guidance_notes", "spans", "span_events", "poison")
OFF = [name for name in MODES if name.startswith("content off")]


class _Receiver(BaseHTTPRequestHandler):
    bodies: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A local OTLP receiver over HTTP: its address, and what it was sent."""
    bodies: list[bytes] = []
    handler = type("Handler", (_Receiver,), {"bodies": bodies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def _dump(url: str) -> str:
    """Every row of every table, as text; bytes as what they hold."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'atlas_otel')"
        ).fetchall()
        rows = []
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            rows += [
                f"{table}: {_BYTES.sub(_as_text, row)}"
                for (row,) in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name))
            ]
    return "\n".join(rows)


_BYTES = re.compile(r"\\\\?x((?:[0-9a-f]{2}){8,})")


def _as_text(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("latin-1")


def _run(env: dict[str, str], folder: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), SECRET, str(folder / "guest"), str(folder / "log")],
        env={
            **kept,
            "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool"),
            # The process' command line, which holds the secret here, and what people put into a resource.
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,otel",
            "OTEL_RESOURCE_ATTRIBUTES": f"team={SECRET}",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def _sinks(
    mode: dict[str, str], url: str, receiver: tuple[str, list[bytes]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What stands in each sink after a run with the database there, and one without it."""
    endpoint, bodies = receiver
    with psycopg.connect(url, autocommit=True) as connection:  # some are refused, and set aside
        connection.execute("ALTER TABLE atlas_otel.span_events ADD CHECK (name <> 'atlas.validation')")
    url = make_conninfo(url, password=PASSWORD)  # which this server does not ask for
    said = _run({**mode, "ATLAS_OTEL_DATABASE_URL": url, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, folder)
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", url)
    lines = folder / "lines.jsonl"
    assert main(["export", "--output", str(lines), "--include-all-statuses", "--quiet"]) == 0
    away = folder / "away"
    away.mkdir()
    nowhere = {"ATLAS_OTEL_DATABASE_URL": f"postgresql://nobody:{PASSWORD}@127.0.0.1:9/none", "PLANTED_FLUSH_S": "0.1"}
    said_away = _run({**mode, **nowhere}, away)
    segments = b"".join(path.read_bytes() for path in (away / "spool").rglob("*") if path.is_file())
    return {
        "postgres": _dump(url),
        "otlp": b"".join(bodies).decode("latin-1"),
        "lines": lines.read_text("utf-8"),
        "spool": segments.decode("latin-1"),
        "console": said + said_away,
        "log": "\n".join(path.read_text() for path in folder.rglob("log")),
        **({} if "PLANTED_ALONE" in mode else {"processors of the program": (folder / "guest").read_text()}),
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", MODES)
def test_the_secret_is_in_no_sink(
    mode: str, database_url: str, receiver: tuple[str, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks = _sinks(MODES[mode], database_url, receiver, tmp_path, monkeypatch)
    for sink, text in sinks.items():
        assert text, f"nothing came to {sink}"
        for searched in (SECRET, *CODED, PASSWORD):
            at = text.find(searched)
            assert at < 0, f"{sink}: …{text[max(at - 300, 0) : at + 60]}"
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT task, status FROM sessions ORDER BY id").fetchall()
        kinds = connection.execute("SELECT DISTINCT kind FROM atlas_otel.spans WHERE kind IS NOT NULL").fetchall()
    assert [status for _, status in rows][:2] == ["succeeded", "failed"]
    assert {"session", "step", "tool", "llm"} <= {kind for (kind,) in kinds}, "what is no content is there"
    if mode in OFF:
        assert {task for task, _ in rows} == {semconv.NOT_CAPTURED}


@pytest.mark.timeout(180)
def test_with_content_on_it_is_found_in_each_of_them(
    database_url: str, receiver: tuple[str, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search finds what is there: else the test above could not fail."""
    sinks = _sinks({}, database_url, receiver, tmp_path, monkeypatch)
    for table in KEPT_IN:
        assert re.search(rf"^{table}: .*{SECRET}", sinks["postgres"], re.MULTILINE), table
    assert CODED[0] in sinks["postgres"], "bytes that are no text"
    logged = sinks.pop("log")
    for sink, text in sinks.items():
        assert SECRET in text, sink
    assert SECRET not in logged, "what we say of ourselves holds no content, captured or not"
    assert PASSWORD not in "".join([logged, *sinks.values()])
