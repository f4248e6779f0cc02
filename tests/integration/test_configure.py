"""``configure`` as a guest in real processes: what it adopts, what it leaves alone, what it says of a wrong setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg
import pytest


def run(
    program: str, *, env: dict[str, str] | None = None, args: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run ``program`` as a user would, in a process of its own, with nothing of ours in its environment but ``env``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_OTEL_"))}
    return subprocess.run(
        [*(args or (sys.executable,)), "-c", textwrap.dedent(program)],
        env={**inherited, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    # A busy machine may need longer than the two seconds that an exit waits by default.
    return {
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "ATLAS_OTEL_EXIT_TIMEOUT_S": "30",
    }


def query(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode()).fetchall()


AGENT = """
    import atlas_otel as atlas

    @atlas.tool
    def add(a: int, b: int) -> int:
        return a + b

    def agent() -> str:
        with atlas.session("add", name="adder", metadata={"tenant": "acme"}) as s, atlas.step("sum"):
            s.final_answer = str(add(1, 2))
        return s.id
"""


def test_a_decorated_program_imports_little() -> None:
    heavy = ("psycopg", "pydantic", "asyncio", "grpc", "rich", "typer", "yaml", "opentelemetry.sdk")
    loaded = answered(
        run(AGENT + f"    import sys, json\n    print(json.dumps([m for m in {heavy!r} if m in sys.modules]))\n")
    )
    assert loaded == []


def test_without_configure_there_is_no_thread_and_nothing_is_said() -> None:
    done = run(AGENT + "    agent()\n    import threading\n    assert threading.active_count() == 1\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("durability", ["spool", "memory"])
def test_what_runs_is_in_the_database_at_exit(env: dict[str, str], database_url: str, durability: str) -> None:
    done = run(
        AGENT + f"    atlas.configure('svc', durability={durability!r}, metadata={{'build': 7}})\n    agent()\n",
        env=env,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ((task, status, answer, metadata),) = query(
        database_url, "SELECT task, status, final_answer, metadata FROM sessions"
    )
    assert (task, status, answer) == ("add", "succeeded", "3")
    assert (metadata["tenant"], metadata["build"], metadata["service_name"]) == ("acme", 7, "svc")


def test_flush_means_stored_and_projected(env: dict[str, str]) -> None:
    found = answered(
        run(
            AGENT
            + """
    import json, os, psycopg
    telemetry = atlas.configure()
    key = agent()
    flushed = telemetry.flush(20)
    with psycopg.connect(os.environ["ATLAS_OTEL_DATABASE_URL"]) as c:
        (status,) = c.execute("SELECT status FROM sessions WHERE metadata->>'session_key' = %s", [key]).fetchone()
    a = telemetry.accounts
    print(json.dumps([flushed, status, a.spans.started, a.spans.stored, a.balances, telemetry.shutdown()]))
""",
            env=env,
        )
    )
    assert found == [True, "succeeded", 3, 3, True, True]


def test_an_existing_provider_is_adopted_and_never_replaced(env: dict[str, str], database_url: str) -> None:
    done = run(
        """
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
    mine = TracerProvider(resource=Resource.create({"service.name": "theirs"}), sampler=ParentBased(ALWAYS_OFF))
    trace.set_tracer_provider(mine)
"""
        + AGENT
        + """
    telemetry = atlas.configure("ours")
    assert trace.get_tracer_provider() is mine
    agent()
    telemetry.shutdown()
    with trace.get_tracer("t").start_as_current_span("still theirs"):
        pass
""",
        env=env,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = query(database_url, "SELECT metadata->>'service_name' FROM sessions")
    assert rows == [("theirs",)], "recorded though their sampler drops everything"


def test_ours_becomes_the_global_one_where_there_is_none(env: dict[str, str], database_url: str) -> None:
    done = run(
        AGENT
        + """
    from opentelemetry import trace
    atlas.configure()
    with atlas.session("t", name="s"), trace.get_tracer("other.library").start_as_current_span("a query") as span:
        span.set_attribute("db.statement", "SELECT 1")
    with trace.get_tracer("other.library").start_as_current_span("not in a session"):
        pass
    other = trace.get_tracer("other.library")
    with other.start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
        pass
""",
        env={**env, "OTEL_TRACES_SAMPLER": "always_off"},
    )
    assert done.returncode == 0, done.stderr
    rows = query(database_url, "SELECT name, session_key IS NOT NULL FROM atlas_otel.spans ORDER BY name")
    assert rows == [("a query", True), ("chat m", True), ("invoke_agent s", True)], (
        "a trace of its own is a session too"
    )


def test_configure_is_idempotent_and_can_be_done_again_after_shutdown(env: dict[str, str]) -> None:
    found = answered(
        run(
            AGENT
            + """
    import json, logging
    logging.lastResort = None
    first = atlas.configure("a")
    same = atlas.configure("a") is first and atlas.configure("b") is first
    first.shutdown()
    again = atlas.configure("a")
    agent()
    print(json.dumps([same, again is first, again.flush(20), again.accounts.spans.stored]))
""",
            env=env,
        )
    )
    assert found == [True, False, True, 3]


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        ("database_url='postgresql://u:hunter2@h:port/db'", {}, "database URL"),
        ("durability='disk'", {}, "configure(durability=…): expected 'spool' or 'memory'"),
        ("max_string_bytes=-1", {}, "configure(max_string_bytes=…)"),
        ("", {"ATLAS_OTEL_CAPTURE_CONTENT": "maybe"}, "ATLAS_OTEL_CAPTURE_CONTENT: expected true or false"),
        ("", {"ATLAS_OTEL_MAX_VALUE_BYTES": "much"}, "ATLAS_OTEL_MAX_VALUE_BYTES: expected a number"),
        ("", {"ATLAS_OTEL_CONFIG": "/nowhere/at/all.yaml"}, "/nowhere/at/all.yaml: cannot read the config file"),
        ("redact=['no such pattern']", {}, "no such pattern"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(arguments: str, env: dict[str, str], says: str) -> None:
    done = run(
        f"""
    import atlas_otel
    try:
        atlas_otel.configure({arguments})
    except atlas_otel.ConfigError as error:
        print(error)
""",
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert done.stdout.count("\n") == 1
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("durability: disk\n", "key 'durability'"),
        ("dsn: x\n", "unknown key 'dsn'; known are"),
        ("a: [\n", "line 2"),
        ("- a\n", "expected a mapping"),
    ],
)
def test_a_wrong_config_file_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "atlas.yaml"
    path.write_text(text)
    done = run(
        "import atlas_otel\ntry:\n    atlas_otel.configure()\n"
        "except atlas_otel.ConfigError as error:\n    print(error)\n",
        env={"ATLAS_OTEL_CONFIG": str(path)},
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert str(path) in done.stdout


def test_argument_before_environment_before_file(tmp_path: Path) -> None:
    path = tmp_path / "atlas.yaml"
    path.write_text("service_name: file\nmax_string_bytes: 10\nmax_value_bytes: 20\n")
    found = answered(
        run(
            """
    import atlas_otel, json
    s = atlas_otel.configure("argument").settings
    print(json.dumps([s.service_name, s.max_string_bytes, s.max_value_bytes]))
""",
            env={"ATLAS_OTEL_CONFIG": str(path), "ATLAS_OTEL_MAX_STRING_BYTES": "11", "OTEL_SERVICE_NAME": "env"},
        )
    )
    assert found == ["argument", 11, 20]


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"ATLAS_OTEL_ENABLED": "false"}])
def test_disabled_records_nothing_and_the_agent_runs(
    env: dict[str, str], database_url: str, off: dict[str, str]
) -> None:
    done = run(AGENT + "    atlas.configure()\n    agent()\n", env={**env, **off})
    assert (done.returncode, done.stderr) == (0, "")
    assert query(database_url, "SELECT count(*) FROM atlas_otel.spans") == [(0,)]


def test_a_dead_database_stops_neither_the_agent_nor_its_exit(tmp_path: Path) -> None:
    from time import monotonic

    began = monotonic()
    done = run(
        AGENT + "    atlas.configure(database_url='postgresql://u:hunter2@127.0.0.1:9/none')\n    agent()\n",
        env={"ATLAS_OTEL_SPOOL_DIR": str(tmp_path)},
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert monotonic() - began < 10, "exit is bounded: two seconds, and the imports"


@pytest.mark.parametrize(
    ("stderr", "times"), [("sys.stderr", 1), ("None", 0)], ids=["there is standard error", "there is none"]
)
def test_what_was_lost_is_said_on_standard_error_and_never_in_the_agents_output(stderr: str, times: int) -> None:
    done = run(
        AGENT
        + f"""
    import sys
    atlas.configure(database_url="postgresql://u@127.0.0.1:9/none", durability="memory", console=False)
    agent()
    sys.stderr = {stderr}
"""
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("atlas-otel: not recorded: 3 shutdown") == times


AUTO = """
    from opentelemetry import trace
    with trace.get_tracer("framework").start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
        pass
"""


@pytest.mark.parametrize("exporters", ["atlas", "none"])
def test_under_opentelemetry_instrument_the_hook_adds_the_full_processor(
    env: dict[str, str], database_url: str, exporters: str
) -> None:
    done = run(
        AUTO,
        env={**env, "OTEL_TRACES_EXPORTER": exporters, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
        args=(str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable),
    )
    assert done.returncode == 0, done.stderr
    assert query(database_url, "SELECT name FROM atlas_otel.spans") == [("chat m",)]


def test_the_exporter_is_found_by_name(env: dict[str, str], database_url: str) -> None:
    done = run(
        """
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator
    _OTelSDKConfigurator().configure()
"""
        + AUTO,
        env={**env, "OTEL_TRACES_EXPORTER": "atlas", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
    )
    assert done.returncode == 0, done.stderr
    assert query(database_url, "SELECT name FROM atlas_otel.spans") == [("chat m",)]


def test_a_process_that_records_nothing_stores_what_a_killed_one_left(env: dict[str, str], database_url: str) -> None:
    killed = run(
        AGENT
        + """
    import os, signal
    atlas.configure()
    with atlas.session("left behind", name="s"):
        os.kill(os.getpid(), signal.SIGKILL)
""",
        env=env,
    )
    assert killed.returncode == -9
    done = run("import atlas_otel\natlas_otel.configure()\nimport time\ntime.sleep(1)\n", env=env)
    assert done.returncode == 0, done.stderr
    assert query(database_url, "SELECT task, status FROM sessions") == [("left behind", "failed")]
