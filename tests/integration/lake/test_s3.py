"""A lake on an object store: a real server that speaks S3, reached as AWS' own tools are told."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from atlas_otel.cli import main
from atlas_otel.errors import PermanentStoreError, RetryableStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.erasing import erase
from atlas_otel.lake.maintenance import compact, expire, verify_tables
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.table import open_lake
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RecordSet
from tests.support.lake_runs import key_of, ours, shuffled

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def s3(
    peer_python: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The server's address, with a bucket; every key may do everything, unless a test says otherwise."""
    python = peer_python("s3-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    rights = {"INITIAL_NO_AUTH_ACTION_COUNT": "1"} if request.node.get_closest_marker("asks_for_rights") else {}
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "s3.log").open("wb") as log:
        server = subprocess.Popen(
            [str(Path(python).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **rights},
        )
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                break
            time.sleep(0.2)
        assert httpx.put(f"{address}/bucket", timeout=60).status_code == 200
        for name, value in (
            ("AWS_ENDPOINT_URL_S3", address),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-the-key"),
            ("AWS_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        yield address
    finally:
        server.kill()
        server.wait()


def test_the_catalog_in_postgres_the_data_in_the_bucket(
    s3: str, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with PostgresStore(database_url) as store:
        store.write([*ours(1), *ours(2)])
        while store.project():
            pass
    target = ["--lake", "s3://bucket/of/ours", "--database-url", database_url]
    assert main(["lake", "archive", "--older-than", "0s", *target]) == 0
    assert "archived 2 sessions" in capsys.readouterr().out
    assert main(["lake", "verify", *target]) == 0
    assert main(["sessions", "show", "1", "--database-url", database_url]) == 0
    assert capsys.readouterr().err.count("from the lake s3://bucket/of/ours") == 1
    with open_lake("s3://bucket/of/ours", database=database_url) as lake:
        lake.append(shuffled(ours(1), 3))
        compact(lake)
        assert expire(lake, timedelta(0)).files > 0
        assert set(map(repr, read_sessions(lake, [key_of(1)])[key_of(1)])) == set(map(repr, RecordSet(ours(1))))
        assert erase(lake, [key_of(1)]).gone
        assert not list(verify_tables(lake))
        assert sum(batch.num_rows for batch in lake.scan(schema.SPANS)) == len(RecordSet(ours(2)).spans)


def test_no_bucket_and_no_server_are_one_line(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = str(tmp_path / "catalog.db")
    with pytest.raises(PermanentStoreError, match="has no bucket: make it"):
        open_lake("s3://nowhere/lake", catalog, create=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(RetryableStoreError, match="s3://bucket/lake cannot be reached"):
        open_lake("s3://bucket/lake", catalog, create=True)


@pytest.mark.asks_for_rights
def test_a_key_without_rights_is_one_line_and_is_not_in_it(s3: str, tmp_path: Path) -> None:
    with pytest.raises(PermanentStoreError, match="no right to the lake s3://bucket/lake: check the key") as raised:
        open_lake("s3://bucket/lake", str(tmp_path / "catalog.db"), create=True)
    assert "secret-of-the-key" not in str(raised.value)
