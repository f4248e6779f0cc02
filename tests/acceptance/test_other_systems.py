"""Agents in places that lack something: no home, a home that is read only, a system without Unix's modules."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

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


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/usr/bin/unshare").exists(), reason="root may write everywhere")
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
