"""Agents in places that lack something: no home, a home that is read only, a system without Unix's modules."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres.store import PostgresStore

AGENT = """
    import atlas_otel as atlas

    telemetry = atlas.configure("agent", instrument_threads=False)

    @atlas.tool
    def add(a, b):
        return a + b

    with atlas.session("add", name="a") as session:
        session.final_answer = str(add(1, 2))
    assert telemetry.flush(30)
    print(session.id)
"""
HIDDEN = """
    import os, sys
    for name in ("fcntl", "pwd", "grp", "resource", "termios"):
        sys.modules[name] = None
    import platformdirs  # looks for itself which system this is
    gone = "fork register_at_fork geteuid getuid getegid posix_fallocate O_NOFOLLOW O_CLOEXEC"
    for name in gone.split():
        if hasattr(os, name):
            delattr(os, name)
"""


def run(program: str, folder: Path, url: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_", "XDG_"))}
    inherited |= {"ATLAS_OTEL_DATABASE_URL": url, "ATLAS_OTEL_CONSOLE": "false"}
    inherited |= {name: value for name, value in environment.items() if value is not None}
    for name, value in environment.items():
        if value is None:
            inherited.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=folder, env=inherited, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def stored(url: str, key: str) -> tuple[str, str] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT status, final_answer FROM sessions WHERE metadata ->> 'session_key' = %s", [key]
        ).fetchone()


def test_without_a_home_an_agent_records_in_memory_and_says_so_once(database_url: str, tmp_path: Path) -> None:
    nobody = "import pwd\ndef none(*_): raise KeyError\npwd.getpwuid = none\n"
    done = run(nobody + textwrap.dedent(AGENT), tmp_path, database_url, HOME=None)
    assert done.returncode == 0, done.stderr
    assert stored(database_url, done.stdout.strip()) == ("succeeded", "3")
    assert done.stderr.count("durability is memory") == 1
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_home_that_cannot_be_written_to_is_the_same(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, in which no folder can be made")
    done = run(AGENT, tmp_path, database_url, HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert stored(database_url, done.stdout.strip()) == ("succeeded", "3")
    assert done.stderr.count("durability is memory") == 1


def test_a_folder_that_was_named_is_an_error(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(AGENT, tmp_path, database_url, ATLAS_OTEL_SPOOL_DIR=str(tmp_path / "file" / "spool"))
    assert done.returncode == 1
    assert "ConfigError" in done.stderr


def test_an_agent_records_on_a_system_without_unix_s_modules(database_url: str, tmp_path: Path) -> None:
    done = run(textwrap.dedent(HIDDEN) + textwrap.dedent(AGENT), tmp_path, database_url, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert stored(database_url, done.stdout.strip()) == ("succeeded", "3")
    assert done.stderr.count("durability is memory") == 1


def test_every_command_can_be_imported_there(tmp_path: Path) -> None:
    program = textwrap.dedent(HIDDEN) + textwrap.dedent(
        """
        from importlib import import_module
        from atlas_otel.cli import COMMANDS
        for command in COMMANDS:
            import_module(f"atlas_otel.cli.{command.module}")
        import pkgutil, atlas_otel
        left_out = ("atlas_otel.autostart.sitecustomize", "atlas_otel.__main__")
        for module in pkgutil.walk_packages(atlas_otel.__path__, "atlas_otel."):
            if module.name not in left_out:
                import_module(module.name)
        """
    )
    done = run(program, tmp_path, "postgresql://x@127.0.0.1:9/x", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


def _may_unshare() -> bool:
    command = ["unshare", "--pid", "--fork", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _may_unshare(), reason="no pid namespaces for this user")
def test_two_containers_with_one_pid_share_a_spool(database_url: str, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, sys, time, atlas_otel as atlas
        assert os.getpid() == 1
        atlas.configure("agent", console=False)
        with atlas.session("wait", name="a") as session:
            print(session.id, flush=True)
            sys.stdin.readline()
            session.final_answer = "done"
        os._exit(0)
        """
    )
    away = "postgresql://nobody@127.0.0.1:9/x"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": away, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    containers = [
        subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    keys = []
    for one in containers:
        assert one.stdout is not None
        keys.append(one.stdout.readline().strip())
    spool = tmp_path / "spool"
    (both,) = status(spool)
    assert [owner.alive for owner in both.owners] == [True, True]
    assert [owner.identity.pid for owner in both.owners if owner.identity] == [1, 1]
    for one in containers:
        one.communicate("\n", timeout=60)
    with PostgresStore(database_url) as store:
        done = replay(store, both.target, spool)
    assert (done.owners, done.damaged) == (2, 0)
    assert [stored(database_url, key) for key in keys] == [("succeeded", "done")] * 2
