"""The examples that need other packages: FastAPI, LangGraph, the OpenAI Agents SDK, Node, a notebook's kernel."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from atlas_otel_exporters import export_jsonl

pytestmark = pytest.mark.timeout(600)  # the first run makes environments

EXAMPLES = Path(__file__).parents[3] / "examples"
Environment = dict[str, str]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> Environment:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ATLAS_"))}
    return {
        **kept,
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "ATLAS_OTEL_EXIT_TIMEOUT_S": "30",
    }


def lines(database_url: str, folder: Path, **options: Any) -> list[dict[str, Any]]:
    output = folder / "lines.jsonl"
    export_jsonl(output, database_url=database_url, review_statuses=None, **options)
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], environment: Environment, port: int, log: Path) -> Iterator[None]:
    """A program while it listens on ``port``; it is asked to end by SIGINT."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=log.parent) as process,
    ):
        try:
            deadline = time.monotonic() + 120
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            yield
            process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()


def test_the_chat_server_streams_and_a_chat_is_one_conversation(
    peer_python: Callable[[str], str], atlas_path: Path, environment: Environment, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    environment["PYTHONPATH"] = str(atlas_path)

    def send(chat: str, message: str) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/chats/{chat}",
            data=json.dumps({"message": message}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    command = [peer_python("example-chat"), str(EXAMPLES / "chat_server.py"), str(port)]
    with serving(command, environment, port, tmp_path / "server.log"):
        assert send("42", "Hello") == "You said: Hello "
        assert send("42", "Again") == "You said: Again "
        assert send("7", "Other") == "You said: Other "
    found = lines(database_url, tmp_path)
    assert {line["task"] for line in found} == {"Hello", "Again", "Other"}
    assert {line["session_metadata"]["status"] for line in found} == {"succeeded"}
    chats = lines(database_url, tmp_path, format="chat")
    assert sorted(len(row["messages"]) for row in chats) == [2, 4]


@pytest.mark.parametrize("name", ["langgraph", "openai-agents"])
def test_a_frameworks_program_is_recorded_unchanged(
    name: str,
    peer_python: Callable[[str], str],
    atlas_path: Path,
    environment: Environment,
    database_url: str,
    tmp_path: Path,
) -> None:
    port = free_port()
    python = peer_python(f"framework-{name}")
    environment |= {
        "PYTHONPATH": str(atlas_path),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "none",
    }
    program = str(EXAMPLES / "frameworks" / f"{name.replace('-', '_')}_agent.py")
    model = [sys.executable, str(EXAMPLES / "frameworks" / "model_server.py"), str(port)]
    with serving(model, environment, port, tmp_path / "model.log"):
        done = subprocess.run(
            [python, "-m", "atlas_otel", "exec", "--", python, program],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "In Paris it is sunny."
    (line,) = lines(database_url, tmp_path)
    assert line["final_answer"] == "In Paris it is sunny."
    types = [event["type"] for event in line["trajectory_events"]]
    assert (types.count("LLM_END"), types.count("TOOL_END")) == (2, 1)
    assert line["session_metadata"]["token_usage"]["total_tokens"] == 56


def node_modules(package: Path) -> Path:
    """The packages of ``package.json``, installed once a user."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    described = hashlib.sha256(package.read_bytes()).hexdigest()[:12]
    cache = os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel")
    folder = Path(cache, "peers", f"npm-{described}")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.copy(package, folder)
            command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
            if any(sign in done.stderr for sign in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN")):
                pytest.skip("the npm registry is out of reach")
            assert done.returncode == 0, done.stderr
            (folder / "ready").touch()
    return folder / "node_modules"


def test_the_typescript_agent_is_a_session(environment: Environment, database_url: str, tmp_path: Path) -> None:
    source = EXAMPLES / "typescript"
    work = tmp_path / "typescript"
    shutil.copytree(source, work, ignore=shutil.ignore_patterns("node_modules"))
    (work / "node_modules").symlink_to(node_modules(source / "package.json"))
    checked = subprocess.run(
        ["npm", "run", "--silent", "check"], cwd=work, capture_output=True, text=True, timeout=200, check=False
    )
    assert checked.returncode == 0, checked.stdout
    port = free_port()
    collect = [sys.executable, "-m", "atlas_otel", "collect", "--port", str(port), "--health-port", "0"]
    with serving(collect, {**environment, "ATLAS_OTEL_QUIET_S": "0"}, port, tmp_path / "collect.log"):
        sent = subprocess.run(
            ["npm", "start", "--silent"],
            env={**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"},
            cwd=work, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert sent.returncode == 0, sent.stderr
    assert sent.stdout.strip() == "One euro is 0.94 francs."
    (line,) = lines(database_url, tmp_path)
    assert (line["task"], line["final_answer"]) == ("What is a euro in francs?", "One euro is 0.94 francs.")
    (tool,) = [event["event"]["payload"] for event in line["trajectory_events"] if event["type"] == "TOOL_END"]
    assert tool["data"]["output"] == 0.94
    assert line["session_metadata"]["token_usage"]["total_tokens"] == 19


RUN_NOTEBOOK = """
import json, sys
import nbclient, nbformat
book = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(book, timeout=200, kernel_name="python3").execute()
print(json.dumps([str(output.get("data", {}).get("text/plain")) for cell in book.cells if cell.cell_type == "code"
                  for output in cell.outputs]))
"""


def test_the_notebook_runs(
    peer_python: Callable[[str], str], atlas_path: Path, environment: Environment, database_url: str, tmp_path: Path
) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "demo"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    python = peer_python("example-notebook")
    environment |= {
        "PYTHONPATH": str(atlas_path),
        "MPLBACKEND": "agg",
        "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]]),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    done = subprocess.run(
        [python, "-c", RUN_NOTEBOOK, str(EXAMPLES / "rewards.ipynb")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0.8" in done.stdout
    assert (tmp_path / "rewards.png").stat().st_size > 1000
