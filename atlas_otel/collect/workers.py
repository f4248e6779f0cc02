"""Several collectors at one port: processes that take connections from the same socket, and the one that sees to them.

Each is a collector of its own, with its own place in the spool. One that dies is restarted; what it had taken is in
the spool, from where the others store it. When this process is asked to stop, or is gone, all stop in order.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_otel.collect.server import log_to_stderr, serve
from atlas_otel.collect.shared_numbers import SharedNumbers, mark_over
from atlas_otel.errors import AtlasOtelError, ConfigError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from atlas_otel.collect.options import CollectOptions
    from atlas_otel.settings import Settings

STOP_S: Final = 25.0
"""How long workers may take to stop: their requests and their drain are bounded by less."""
_AGAIN_S: Final = 1.0
"""The pause before a worker that died is restarted."""

_log = logging.getLogger("atlas_otel.collect")
_processes = multiprocessing.get_context("spawn")


def supervise(
    settings: Settings,
    options: CollectOptions,
    listener: socket.socket,
    listening: Callable[[], None],
    *,
    health: socket.socket | None = None,
) -> bool:
    """Run ``options.workers`` of them until SIGTERM or SIGINT; whether all stored what they took.

    ``listening`` is called once all take connections. Raises ConfigError where one cannot begin.
    """
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="atlas-otel-collect-")))
        workers = _Workers(settings, options, listener, health, folder)
        for one in (signal.SIGTERM, signal.SIGINT):
            held.callback(signal.signal, one, signal.signal(one, workers.asked_to_stop))
        return workers.run(listening)


class _Workers:
    def __init__(
        self,
        settings: Settings,
        options: CollectOptions,
        listener: socket.socket,
        health: socket.socket | None,
        folder: Path,
    ) -> None:
        self._arguments = (settings, options, listener, health, folder)
        self._listener = listener
        self._count = options.workers
        self._folder = folder
        self._running: list[SpawnProcess] = []
        self._asked, self._asking = _processes.Pipe(duplex=False)
        self._stopping = False

    def asked_to_stop(self, number: int, frame: object) -> None:
        """A signal came."""
        if not self._stopping:
            self._stopping = True
            self._asking.send_bytes(b".")

    def run(self, listening: Callable[[], None]) -> bool:
        began = [self._begin() for _ in range(self._count)]
        for process, ready in began:
            if not self._is_ready(process, ready) and not self._stopping:
                self._stop()
                raise ConfigError("a worker failed to start; see its message above")
        if not self._stopping:
            listening()
        while not self._stopping:
            wait([self._asked, *(one.sentinel for one in self._running)])
            if not self._stopping:
                self._replace_dead()
        return self._stop()

    def _begin(self) -> tuple[SpawnProcess, Connection]:
        ready, told = _processes.Pipe(duplex=False)
        process = _processes.Process(target=_work, args=(*self._arguments, told), name="atlas-otel-collect")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: see serve()
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        told.close()
        self._running.append(process)
        return process, ready

    def _is_ready(self, process: SpawnProcess, ready: Connection) -> bool:
        wait([ready, process.sentinel, self._asked])
        try:
            return ready.poll() and ready.recv_bytes() != b""
        except EOFError:
            return False
        finally:
            ready.close()

    def _replace_dead(self) -> None:
        for process in [one for one in self._running if not one.is_alive()]:
            _log.warning("worker exited (%s); restarting", process.exitcode)
            self._running.remove(process)
            mark_over(self._folder, process.pid or 0)
            wait([self._asked], _AGAIN_S)
            if not self._stopping:
                self._begin()[1].close()

    def _stop(self) -> bool:
        self._listener.close()  # else who comes now would wait for workers that take nobody any more
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self._running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                _log.warning("worker did not stop within %.0f s; killing it", STOP_S)
                process.kill()
                process.join()
        return all(process.exitcode == 0 for process in self._running)


def _work(
    settings: Settings,
    options: CollectOptions,
    listener: socket.socket,
    health: socket.socket | None,
    folder: Path,
    told: Connection,
) -> None:
    """One worker, in its process."""
    log_to_stderr()
    over = multiprocessing.parent_process()
    assert over is not None
    threading.Thread(target=_stop_after, args=(over.sentinel,), daemon=True).start()
    try:
        shared = SharedNumbers(folder)
        complete = serve(settings, options, listener, lambda: _tell(told), health=health, shared=shared)
    except AtlasOtelError as error:
        _log.error("%s", error)
        raise SystemExit(2) from None
    raise SystemExit(0 if complete else 1)


def _tell(waiting: Connection) -> None:
    with suppress(OSError):  # a worker that was restarted has no waiting parent
        waiting.send_bytes(b".")


def _stop_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
