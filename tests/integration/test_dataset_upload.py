"""A dataset goes onto the Hub: rows and card, and what names sessions only where asked.

The Hub itself can't be had in a test: a server here speaks the part of its protocol that the real client uses.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from atlas_otel.cli import main
from tests.integration.test_datasets import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Hub(ThreadingHTTPServer):
    """Keeps what is committed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.knows = True
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.server.knows or self.headers.get("Authorization") != "Bearer hf_test":
            self._answer(401, {"error": "Invalid username or password."})
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self._answer(200, {"url": f"{self.server.url}/datasets/us/numbers", "name": "us/numbers"})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            self._answer(
                200,
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]},
            )
        elif "/commit/" in self.path:
            for line in body.splitlines():
                change = json.loads(line)
                if change["key"] == "file":
                    self.server.files[change["value"]["path"]] = base64.b64decode(change["value"]["content"])
            url = f"{self.server.url}/datasets/us/numbers/commit/1"
            self._answer(200, {"commitUrl": url, "commitOid": "1", "success": True})
        else:  # the card's YAML is checked
            self._answer(200, {"errors": [], "warnings": []})

    def do_GET(self) -> None:
        self._answer(200, {"id": "us/numbers", "sha": "0", "siblings": []})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    # The client reads its environment when it is imported.
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(database_url: str, tmp_path: Path) -> Path:
    record(database_url)
    made = tmp_path / "numbers"
    arguments = ("numbers", "--format", "kto", "--output", str(made), "--include-all-statuses", "--quiet")
    assert main(["dataset", "create", *arguments, "--database-url", database_url]) == 0
    return made


def test_rows_and_card_are_uploaded(hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "upload", str(folder), "us/numbers"]) == 0
    assert capsys.readouterr().out == f"{hub.url}/datasets/us/numbers/commit/1\n"
    assert [one["visibility"] for one in hub.created] == ["private"]
    held = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert hub.files == {name: held[name] for name in held if name.startswith("data/") or name == "README.md"}
    assert any(name.startswith("data/") for name in hub.files)
    assert main(["dataset", "upload", str(folder), "us/numbers", "--with-lineage", "--public"]) == 0
    assert hub.files == held


def test_what_the_hub_says_is_one_line(hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.knows = False
    assert main(["dataset", "upload", str(folder), "us/numbers"]) == 2
    assert "the Hub does not know you: hf auth login, or set HF_TOKEN" in capsys.readouterr().err
    assert main(["dataset", "upload", str(folder), "us/numb ers"]) == 2
    assert main(["dataset", "upload", str(folder.parent), "us/numbers"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_hub_that_is_away_is_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    assert main(["dataset", "upload", str(folder), "us/numbers"]) == 1
    assert "us/numbers: the Hub cannot be reached" in capsys.readouterr().err
