"""The page as an enemy asks it; and while its database is away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from atlas_otel.cli import main
from atlas_otel.postgres import embedded, migrate
from atlas_otel.ui.options import User
from tests.support.page import Page, record_runs

TOKENS = {"a" * 20: User("ada", "admin"), "v" * 20: User("vi", "view")}


def test_other_names_and_other_pages_are_denied(page: Page) -> None:
    for headers in (
        {"host": "evil.example"},
        {"host": "127.0.0.1:4340.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ):
        answer = page.client.get("/api/v1/sessions", headers=headers)
        assert answer.status_code == 403, headers
        assert answer.headers["content-type"] == "application/problem+json"
    assert page.client.get("/", headers={"host": "evil.example"}).status_code == 403


def test_a_write_without_the_token_or_from_elsewhere_changes_nothing(page: Page) -> None:
    number = page.get("/sessions")["sessions"][0]["id"]
    body = {"revision": page.revision(number), "actions": [{"kind": "verdict", "verdict": "approved"}]}
    path = f"/api/v1/sessions/{number}/review"
    for headers in ({}, {"X-Atlas-CSRF": "x"}, {**page.csrf, "origin": "http://evil.example"}):
        assert page.client.post(path, json=body, headers=headers).status_code == 403
    form = page.client.post(path, content="a=b", headers={**page.csrf, "content-type": "text/plain"})
    assert form.status_code == 415
    large = page.client.post(path, content=b"[" * 2_000_000, headers={**page.csrf, "content-type": "application/json"})
    assert large.status_code == 413
    assert page.get(f"/sessions/{number}/review")["events"] == []


def test_every_answer_says_what_the_page_may_load(page: Page) -> None:
    for path in ("/", "/sessions/1", "/nothing.js", "/api/v1/me", "/api/v1/nothing", "/api"):
        answer = page.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


def test_roles_hold(database_url: str) -> None:
    record_runs(database_url)
    page = Page(database_url, host="0.0.0.0", tokens=TOKENS, allowed_hosts=("127.0.0.1:4340",))
    assert page.client.get("/api/v1/me").status_code == 401
    viewer = {"authorization": f"Bearer {'v' * 20}"}
    me = page.client.get("/api/v1/me", headers=viewer).json()
    assert (me["user"], me["role"]) == ("vi", "view")
    refused = page.client.post("/api/v1/review/next", json={}, headers={**viewer, "X-Atlas-CSRF": me["csrf_token"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    # The token leaves the address at once, for a cookie that no script reads and no other site sends.
    opened = page.client.get("/", params={"token": "a" * 20}, follow_redirects=False)
    assert opened.status_code == 303
    assert "token" not in opened.headers["location"]
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "a" * 20 not in cookie
    assert page.client.get("/api/v1/me").json()["user"] == "ada"
    page.close()


def test_a_final_verdict_and_anothers_undoing_take_an_admin(page: Page) -> None:
    number = page.get("/sessions")["sessions"][0]["id"]
    event = page.decide(number, {"kind": "verdict", "verdict": "approved", "final": True})["events"][-1]["id"]
    reviewer = Page(page.options.database_url, user_header="X-User", roles={"bo": "review"}, default_role="view")
    headers = {"x-user": "bo"}
    token = reviewer.client.get("/api/v1/me", headers=headers).json()["csrf_token"]
    path = f"/api/v1/sessions/{number}/review"
    revision = page.revision(number)
    for action in ({"kind": "verdict", "verdict": "approved", "final": True}, {"kind": "undo", "event": event}):
        body = {"revision": revision, "actions": [action]}
        answer = reviewer.client.post(path, json=body, headers={**headers, "X-Atlas-CSRF": token})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    reviewer.close()


@pytest.mark.timeout(180)
def test_the_database_goes_away_and_comes_back(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="atlas-page-"))  # short: a socket's path has a limit
    url = f"embedded:{folder}"
    process = None
    try:
        embedded.ensure_running(folder, settings={"fsync": "off"}, linger_s=0)
        migrate.init(url)
        record_runs(url)
        conninfo = embedded.ensure_running(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "atlas_otel",
            "ui",
            "--no-open",
            "--port",
            str(port),
            "--database-url",
            conninfo,
        ]
        env = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        api = f"http://127.0.0.1:{port}/api/v1"
        assert len(httpx.get(f"{api}/sessions", timeout=30).json()["sessions"]) == 4
        embedded.release(folder)
        embedded.stop(folder)
        away = httpx.get(f"{api}/sessions", timeout=60)
        assert (away.status_code, away.json()["code"]) == (503, "database_away")
        assert int(away.headers["retry-after"]) >= 1
        assert httpx.get(f"{api}/health", timeout=60).json() == {"database": "away"}
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 200
        embedded.ensure_running(folder, settings={"fsync": "off"}, linger_s=0)
        for _ in range(60):
            back = httpx.get(f"{api}/sessions", timeout=60)
            if back.status_code == 200:
                break
            time.sleep(0.5)
        assert len(back.json()["sessions"]) == 4
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        if process is not None:
            process.kill()
            process.communicate()
        embedded.release(folder)
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def test_what_is_wrong_is_one_line(database_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "rubric.yaml").write_text("runtime_safety: {review: {rubric: {verdicts: 0}}}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for arguments, code, said in (
            (["--host", "0.0.0.0"], 2, "loopback address"),
            (["--token-file", str(tmp_path / "none")], 2, "cannot read the token file"),
            (["--config", str(tmp_path / "rubric.yaml")], 2, "runtime_safety.review.rubric.verdicts"),
            (["--role", "ada"], 2, "NAME=ROLE"),
            (["--port", str(taken.getsockname()[1])], 2, "cannot listen"),
        ):
            assert main(["ui", "--no-open", "--database-url", database_url, *arguments]) == code, arguments
            told = capsys.readouterr().err
            assert said in told
            assert len(told.strip().splitlines()) == 1
