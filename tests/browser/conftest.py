"""The page in Debian's Chromium, over databases that real programs filled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.reviewable import HOSTILE, fill

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / "ui/node_modules/axe-core/axe.min.js"
_FILLED = "page_filled"
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

RUBRIC = """\
agent: {type: python, import_path: none, attribute: none}
runtime_safety:
  review:
    rubric:
      verdicts: 1
      criteria:
        - {name: correctness, description: "Is it right?", min: 1, max: 5}
        - {name: tone, description: "Is it kind?", min: 1, max: 5}
        - {name: need, description: Needed, per: step, min: 0, max: 2, labels: [no need, partly, needed]}
"""


def _said(role: str, text: str, **more: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}], **more}])


def _foreign() -> str:
    """A trace of another program's, as the Collector's file exporter writes it."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "foreign"}
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.provider.name": "openai",
        "gen_ai.input.messages": _said("user", "What is the tallest bridge?"),
        "gen_ai.output.messages": _said("assistant", "The Huajiang Grand Canyon Bridge.", finish_reason="stop"),
    }
    spans = []
    for number, (name, attributes) in enumerate((("invoke_agent foreign", agent), ("chat gpt-4o", chat)), 1):
        began = 1_790_000_000_000_000_000 + number * 1_000_000
        held = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        spans.append(
            {
                "traceId": "ab" * 16,
                "spanId": f"{number:016x}",
                **({"parentSpanId": f"{1:016x}"} if number > 1 else {}),
                "name": name,
                "kind": 3,
                "startTimeUnixNano": str(began),
                "endTimeUnixNano": str(began + 50_000_000),
                "attributes": held,
            }
        )
    service = [{"key": "service.name", "value": {"stringValue": "elsewhere"}}]
    scoped = {"scope": {"name": "opentelemetry.instrumentation.openai"}, "spans": spans}
    return json.dumps({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [scoped]}]}) + "\n"


@pytest.fixture(scope="session")
def filled(admin: psycopg.Connection, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that every kind of run was recorded into, and that nobody is connected to."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not here: python scripts/browser.py installs it")
    admin.execute("SELECT pg_advisory_lock(2)")
    try:
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", [_FILLED]).fetchone() is None:
            making = f"{_FILLED}_making"
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(making)))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
            _fill(make_conninfo(server_url, dbname=making), tmp_path_factory.mktemp("fill"))
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [making])
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(_FILLED))
            )
    finally:
        admin.execute("SELECT pg_advisory_unlock(2)")
    return _FILLED


def _fill(url: str, folder: Path) -> None:
    foreign = folder / "foreign.jsonl"
    foreign.write_text(_foreign(), encoding="utf-8")
    command = [sys.executable, "-m", "atlas_otel"]
    subprocess.run(
        [*command, "demo", "--database-url", url, "--output", str(folder / "demo.jsonl")],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [*command, "import", "--quiet", "--database-url", url, str(foreign)], check=True, capture_output=True
    )
    governed = ["run", "--config", str(ROOT / "examples/number_game.yaml"), "--task", "Find the number; it is 37."]
    subprocess.run(
        [*command, *governed], check=True, capture_output=True, env={**os.environ, "ATLAS_OTEL_DATABASE_URL": url}
    )
    for what in ("support", "strange", "silent"):
        fill(url, what)
    fill(url, "large", 10_000)
    fill(url, "many", 55)
    subprocess.run([*command, "project", "--database-url", url], check=True, capture_output=True)


@pytest.fixture
def reviewed_url(admin: psycopg.Connection, server_url: str, filled: str) -> Iterator[str]:
    """The conninfo of a copy of the filled database."""
    name = f"{filled}_{os.getpid()}_{time.monotonic_ns()}"
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(filled)))
    yield make_conninfo(server_url, dbname=name)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


Serve = Callable[..., str]


@pytest.fixture
def serve(reviewed_url: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts the command as a reviewer does; gives the page's address."""
    config = tmp_path / "review.yaml"
    config.write_text(RUBRIC, encoding="utf-8")
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, name: str = "mina") -> str:
        command = [
            sys.executable, "-m", "atlas_otel", "ui", "--no-open", "--port", "0", "--as", name,
            "--config", str(config), "--datasets", str(tmp_path / "datasets"), "--database-url", reviewed_url, *options,
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"http://\S+", line):
                return found[0].rstrip("/").split("?")[0].rstrip("/")
        raise AssertionError(said)

    yield start
    for process in running:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not here: python scripts/browser.py installs it")
    with playwright.sync_playwright() as run:
        chromium = run.chromium.launch(executable_path=str(CHROMIUM), args=_FLAGS)
        yield chromium
        chromium.close()


class Faults(list[str]):
    """What went wrong in a page's own script, and what it asked of other hosts."""

    def watch(self, page: Any) -> None:
        def console(message: Any) -> None:
            # A refused or missing answer is said to the reader; the browser's own line about it is no fault.
            if message.type == "error" and "Failed to load resource" not in message.text:
                self.append(message.text)

        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", console)

        def asked(request: Any) -> None:
            if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                self.append(f"asked for {request.url}")

        page.on("request", asked)


@pytest.fixture
def faults() -> Iterator[Faults]:
    found = Faults()
    yield found
    assert not found


@pytest.fixture
def open_page(browser: Any, faults: Faults) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser profile of its own, or in that of ``beside``."""
    contexts: list[Any] = []

    def opened(address: str, *, beside: Any = None, theme: str = "light", width: int = 1400, height: int = 900) -> Any:
        if beside is None:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
            )
            context.set_default_timeout(20_000)
            contexts.append(context)
        else:
            context = beside.context
        page = context.new_page()
        faults.watch(page)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


def serious(page: Any) -> list[str]:
    """What axe finds serious or critical."""
    if not AXE.exists():
        pytest.skip(f"{AXE} is not here: npm ci in ui/")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:4]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


__all__ = ["HOSTILE", "RUBRIC", "Faults", "Serve", "serious"]
