"""pgbouncer before a Postgres server."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def pooling(url: str, mode: str) -> Iterator[str]:
    """pgbouncer with four connections to the server of ``url``; its own URL. ``mode`` is its ``pool_mode``."""
    assert PGBOUNCER is not None
    parts = conninfo_to_dict(url)
    folder, port = Path(tempfile.mkdtemp(prefix="atlas-otel-pgbouncer-")), _free_port()
    host = str(parts["host"])
    # As root pgbouncer does not run: it takes the user of the server, who may pass to its socket.
    owner = pwd.getpwuid(Path(host).stat().st_uid).pw_name if host.startswith("/") else "nobody"
    (folder / "pgbouncer.ini").write_text(
        textwrap.dedent(f"""
        [databases]
        * = user={parts["user"]} host={host} port={parts.get("port", 5432)}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = {mode}
        default_pool_size = 4
        server_login_retry = 1
        """)
    )
    folder.chmod(0o755)
    as_user = ["-u", owner] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([PGBOUNCER, *as_user, str(folder / "pgbouncer.ini")], stdout=log, stderr=log)
    pooled = make_conninfo(url, host="127.0.0.1", port=port)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(pooled).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield pooled
    finally:
        running.terminate()
        running.wait(20)
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
