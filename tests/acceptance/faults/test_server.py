"""Real agents against a real server that freezes, dies, comes back, fails over, refuses: every promise is held."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable

import psycopg
import pytest
from agents import Agents
from disk import Disk
from proxy import Proxy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from server import Server

pytestmark = pytest.mark.timeout(150)


def _in_order(report: dict[str, object]) -> None:
    """The accounts of an agent that ended in order, with nothing lost."""
    assert report["flushed"], report
    assert report["balances"], report
    assert report["dropped"] == {}, report
    assert report["started"] == report["stored"], report


def _wait_for(rows: int, url: str) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() < (rows,):  # type: ignore[operator]
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_is_frozen_killed_and_restarted(make_server: Callable[..., Server], agents: Agents) -> None:
    server = make_server().make()
    agent = agents.start(server.url)
    _wait_for(50, server.url)
    with server.frozen():
        time.sleep(1)
    _wait_for(200, server.url)
    server.kill()
    time.sleep(0.5)
    server.start()
    _wait_for(300, server.url)
    server.stop()
    server.start()
    _in_order(agent.finish())
    agents.check(server.url)


def test_a_synchronous_standby_takes_over(make_server: Callable[..., Server], agents: Agents) -> None:
    """Whatever was acknowledged is on the standby; the agent goes on there, by a URL that names both."""
    primary = make_server().make()
    standby = make_server().copy_of(primary)
    primary.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    primary.query("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 20
    while primary.query("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    both = f"host=127.0.0.1,127.0.0.1 port={primary.port},{standby.port} user=postgres dbname=postgres"
    url = f"{both} target_session_attrs=read-write"
    agent = agents.start(url)
    _wait_for(200, primary.url)
    primary.kill()
    time.sleep(0.5)
    standby.promote()
    held = standby.query("SELECT count(*) FROM atlas_otel.spans")[0][0]
    assert isinstance(held, int)
    _wait_for(held + 200, standby.url)
    _in_order(agent.finish())
    agents.check(standby.url, by=url)


def test_a_server_whose_disk_is_full_is_waited_for(
    make_server: Callable[..., Server], small_disk: Disk, agents: Agents
) -> None:
    """The disk of its tables is full to the last byte: the server lives, and refuses what would make them grow."""
    server = make_server().make()
    server.give(small_disk.folder / "tables")
    with psycopg.connect(make_conninfo(server.url, dbname="template1"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk.folder}/tables'".encode())
        connection.execute(b"ALTER DATABASE postgres SET TABLESPACE small")
    agent = agents.start(server.url)
    _wait_for(100, server.url)
    for _ in range(2):
        small_disk.fill()
        _wait_until(lambda: "No space left on device" in server.log)
        held = server.query("SELECT count(*) FROM atlas_otel.spans")[0][0]
        assert isinstance(held, int)
        time.sleep(1)
        assert small_disk.free < 1 << 20
        small_disk.clear()
        _wait_for(held + 200, server.url)
        server.forget_log()
    _in_order(agent.finish())
    agents.check(server.url)


def test_a_server_that_dies_of_a_full_disk(
    make_server: Callable[..., Server], small_disk: Disk, agents: Agents
) -> None:
    """Where its log of writes cannot go on, the server itself gives up; somebody makes room and starts it again."""
    server = make_server(max_wal_size="4MB", min_wal_size="2MB")
    server.give(small_disk.folder / "wal")
    server.make("--wal-segsize=1", "-X", str(small_disk.folder / "wal"))
    agent = agents.start(server.url)
    _wait_for(100, server.url)
    small_disk.fill()
    _wait_until(lambda: "PANIC" in server.log)
    time.sleep(1)
    server.kill()
    small_disk.clear()
    server.start()
    held = server.query("SELECT count(*) FROM atlas_otel.spans")[0][0]
    assert isinstance(held, int)
    _wait_for(held + 200, server.url)
    _in_order(agent.finish())
    agents.check(server.url)


def test_a_server_out_of_connections_is_waited_for(make_server: Callable[..., Server], agents: Agents) -> None:
    server = make_server(max_connections="6", superuser_reserved_connections="0", reserved_connections="0").make()
    crowd = [psycopg.connect(server.url) for _ in range(6)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    agent = agents.start(server.url)
    time.sleep(1.5)
    for connection in crowd:
        connection.close()
    _in_order(agent.finish())
    agents.check(server.url)


def test_one_row_that_is_refused_is_named_and_the_rest_goes_on(database_url: str, agents: Agents) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE atlas_otel.span_events ADD CONSTRAINT no_poison CHECK (payload::text NOT LIKE '%%:1\"}')"
        )
    agent = agents.start(database_url)
    _wait_for(100, database_url)
    report = agent.finish()
    assert report["balances"], report
    dropped = report["dropped"]
    assert set(dropped) == {"poisoned"}
    with psycopg.connect(database_url) as connection:
        poison = connection.execute("SELECT convert_from(record, 'UTF8'), reason FROM atlas_otel.poison").fetchall()
        spans = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE rank = 5").fetchone()
    assert len(poison) == dropped["poisoned"]
    assert all("no_poison" in reason and ':1\\"}' in record for record, reason in poison)
    assert spans == (report["started"],), "every other record went in"
    assert report["flushed"] is False, "the flush says that something was refused"


def test_slow_cut_and_frozen_connections(database_url: str, proxy: Proxy, agents: Agents) -> None:
    agent = agents.start(proxy.url)
    proxy.delay_s = 0.02
    time.sleep(1)
    proxy.delay_s = 0.0
    for _ in range(5):
        proxy.cut()
        time.sleep(0.2)
    proxy.freeze()
    time.sleep(1.5)
    proxy.thaw()
    _in_order(agent.finish())
    agents.check(database_url, by=proxy.url)


@pytest.mark.parametrize("how", ["frozen", "gone", "never there"])
def test_the_exit_is_bounded_and_what_is_left_waits(how: str, database_url: str, proxy: Proxy, agents: Agents) -> None:
    if how == "never there":
        proxy.shut()
    agent = agents.start(proxy.url, ATLAS_TEST_FLUSH_S="0.1")
    if how != "never there":
        _wait_for(50, database_url)
        (proxy.freeze if how == "frozen" else proxy.shut)()
    time.sleep(0.3)
    report = agent.finish()
    assert report["shutdown_s"] < 4, "two seconds are promised; this machine is shared"
    assert report["balances"], report
    assert report["spooled"] > 0
    assert report["dropped"] == {}
    proxy.thaw()
    lines = agent.said.read_text().splitlines()
    assert len(lines) <= 2, f"a line a minute: {lines}"
    agents.check(database_url, by=proxy.url)


def test_a_collector_that_never_answers_holds_up_neither_agent_nor_exit(database_url: str, agents: Agents) -> None:
    """It takes connections, and all that is sent; no word comes back."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        agent = agents.start(database_url, ATLAS_TEST_FLUSH_S="0.1", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        _wait_for(300, database_url)
        began = time.monotonic()
        report = agent.finish()
        took = time.monotonic() - began
    assert report["shutdown_s"] < 4, "two seconds are promised; this machine is shared"
    assert took < 15, "nor is the interpreter held up after that"
    assert report["balances"], report
    assert report["dropped"] == {}
    assert len(agent.said.read_text().splitlines()) <= 4, agent.said.read_text()
    agents.check(database_url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_loses_nothing_that_was_promised(number: signal.Signals, database_url: str, agents: Agents) -> None:
    agent = agents.start(database_url)
    time.sleep(0.3)
    agent.send(number)
    agents.check(database_url)


def test_a_role_without_a_connection_left(database_url: str, agents: Agents, admin: psycopg.Connection) -> None:
    name = conninfo_to_dict(database_url)["dbname"]
    admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
    try:
        agent = agents.start(database_url)
        time.sleep(1)
    finally:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    _in_order(agent.finish())
    agents.check(make_conninfo(database_url))
