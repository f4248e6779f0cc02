"""A TCP way to a Postgres server that cuts, freezes and delays."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Closed until :meth:`open`. ``url`` names the database by way of it."""

    def __init__(self, url: str) -> None:
        self.aim(url)
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self.delay_s = 0.0
        """How long each piece of data waits, in either direction."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = make_conninfo(url, host="127.0.0.1", port=self.port)

    def aim(self, url: str) -> None:
        """Lead to this server from the next connection on."""
        parts = conninfo_to_dict(url)
        host, port = str(parts.get("host") or ""), str(parts.get("port") or 5432)
        self._server: object = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))

    def open(self) -> None:
        """Listen."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """As if the server had died: connections break, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Break the connections that there are."""
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def freeze(self) -> None:
        """Connections stay, new ones are taken, and nothing comes."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let what waited pass."""
        self._flowing.set()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
            try:
                server.connect(self._server)
            except OSError:  # the server is away
                client.close()
                server.close()
                continue
            self._links += [client, server]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(data)
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
