"""A TCP proxy whose connections break on the client's side only, as where a router forgets them."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Proxy:
    def __init__(self, port: int | None) -> None:
        assert port is not None
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._servers: list[socket.socket] = []
        self._orphans: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _shut(self._listener)
        self.cut()
        self.forget()

    def cut(self) -> None:
        """Ends all connections; the server is not told."""
        self._orphans += self._servers
        clients, self._clients, self._servers = self._clients, [], []
        for client in clients:
            _shut(client)

    def forget(self) -> None:
        """Lets the server know of those that were cut."""
        orphans, self._orphans = self._orphans, []
        for orphan in orphans:
            _shut(orphan)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._clients.append(client)
            self._servers.append(server)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                target.sendall(block)
        if source not in self._orphans and target not in self._orphans:
            _shut(target)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
