"""What doctor says of something that is no Jaeger; ``tests/stack`` has the real one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from atlas_otel.doctor.jaeger import examine_jaeger

TRACE = "0" * 31 + "1"
ANSWERS = {
    "another protocol": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n",
    "a page": b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
    "a refusal": b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "no traces": b'HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n{"result":{}}',
}


@pytest.fixture(params=ANSWERS)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(ANSWERS[request.param])

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_it_is_said_and_nothing_is_raised_or_shown(port: int) -> None:
    found = examine_jaeger(f"http://me:hunter2@127.0.0.1:{port}", TRACE, sampled=True, patience_s=-1)
    assert found.grade == "FAIL"
    assert found.todo
    assert f"http://127.0.0.1:{port}" in found.said
    assert "hunter2" not in str(found)
