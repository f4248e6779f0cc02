"""Several collectors at one port: what they take is stored whoever dies, and they stop in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel import semconv
from atlas_otel.cli import main

T = 1_700_000_000_000_000_000
SESSION = "w" * 32


def message(number: int) -> bytes:
    made = ExportTraceServiceRequest()
    span = (
        made.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=b"\1" * 16,
            span_id=number.to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=T + number,
            end_time_unix_nano=T + number + 1,
        )
    )
    span.attributes.add(key=semconv.ATLAS_SESSION_ID).value.string_value = SESSION
    return made.SerializeToString()


def workers(collector: Any) -> list[int]:
    listed = subprocess.run(["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(pid) for pid, parent, args in rows if int(parent) == collector.process.pid and "spawn_main" in args]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def stored(database: psycopg.Connection) -> set[int]:
    return {int(span_id, 16) for (span_id,) in database.execute("SELECT span_id FROM atlas_otel.spans")}


class Senders:
    """Threads that send one span after the other, each again until it was answered, over connections of their own."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self._url = url
        self._stop = threading.Event()
        self._numbers = iter(range(1, 1_000_000))
        self._lock = threading.Lock()
        self.answered: set[int] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for one in self._threads:
            one.start()

    def _run(self) -> None:
        headers = {"content-type": "application/x-protobuf"}
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            while not self._stop.is_set():
                with suppress(httpx.HTTPError):
                    if httpx.post(self._url, content=message(number), headers=headers, timeout=10).is_success:
                        with self._lock:
                            self.answered.add(number)
                        break
                time.sleep(0.05)

    def stop(self) -> set[int]:
        self._stop.set()
        for one in self._threads:
            one.join()
        return self.answered


def accepted(collector: Any) -> int:
    (number,) = re.findall(r'accepted_total\{kind="spans"\} (\d+)', collector.get("/metrics").text)
    return int(number)


@pytest.mark.parametrize("durability", ["spool", "memory"])
def test_they_stop_in_order_in_mid_stream_and_what_was_answered_is_stored(
    start: Callable[..., Any], database: psycopg.Connection, durability: str
) -> None:
    collector = start("--workers", "2", "--durability", durability)
    pids = workers(collector)
    assert len(pids) == 2
    senders = Senders(collector.url)
    time.sleep(1.5)
    began = time.monotonic()
    for pid in pids if durability == "memory" else []:  # as a service manager does, which asks every process
        os.kill(pid, signal.SIGTERM)
    assert collector.stop() == 0
    assert time.monotonic() - began < 25
    answered = senders.stop()
    assert answered
    assert answered <= stored(database)
    assert not any(is_there(pid) for pid in pids)
    assert "Traceback" not in collector.said()


def test_one_that_is_killed_is_begun_again_and_costs_nothing(
    start: Callable[..., Any], database: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    collector = start("--workers", "2")
    senders = Senders(collector.url)
    before = workers(collector)
    time.sleep(1)
    os.kill(before[0], signal.SIGKILL)
    assert eventually(lambda: len(workers(collector)) == 2 and before[0] not in workers(collector))
    time.sleep(1.5)
    answered = senders.stop()
    assert eventually(lambda: answered <= stored(database)), "the dead one's spool too"
    # Whichever is asked knows what all took, but for a second's worth of the one that was killed.
    assert eventually(lambda: accepted(collector) >= 0.5 * len(answered))
    assert eventually(lambda: len({accepted(collector) for _ in range(10)}) == 1), "each tells the others in a moment"
    assert collector.stop() == 0
    assert stored(database) == answered
    assert database.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_without_the_process_over_them_they_stop(
    start: Callable[..., Any], database: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    collector = start("--workers", "2")
    pids = workers(collector)
    assert collector.post(message(1)).is_success
    collector.kill()
    assert eventually(lambda: not any(is_there(pid) for pid in pids))
    assert stored(database) == {1}
    assert start("--workers", "2", port=collector.port).post(message(2)).is_success


def test_what_cannot_begin_is_said(
    database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "file" / "spool"))
    assert main(["collect", "--port", "0", "--workers", "2", "--database-url", database_url]) == 2
    said = capfd.readouterr().err
    assert "spool" in said
    assert "a worker failed to start" in said
    assert "Traceback" not in said
