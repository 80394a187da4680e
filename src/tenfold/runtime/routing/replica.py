"""One replica: its pool, a connection to look at it, and what is held of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tenfold.errors import DatabaseUnavailableError, ReplicaError
from tenfold.runtime.drivers import Connection, Connector
from tenfold.runtime.pool import Pool
from tenfold.runtime.routing.choice import Sighting, Standing, judged
from tenfold.runtime.routing.lag import PrimaryCourse
from tenfold.runtime.routing.lsn import lsn_of
from tenfold.runtime.routing.settings import ReplicaSettings
from tenfold.runtime.statistics import ReplicaStatistics

_IDENTITY = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
_POSITION = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn()::text"

_log = logging.getLogger("tenfold.runtime")


class Scout:
    """A connection of its own to a server, so that a pool that is all lent out does not look like a lag."""

    def __init__(self, connector: Connector, patience: float) -> None:
        self.name = connector.name
        self._connector = connector
        self._patience = patience
        self._connection: Connection | None = None
        self._asking = asyncio.Lock()

    async def ask(self, question: str) -> tuple[object, ...] | None:
        """The row, or None where the server gives none in time."""
        async with self._asking:
            try:
                async with asyncio.timeout(self._patience):
                    if self._connection is None or self._connection.lost:
                        self._connection = await self._connector.connect()
                    row = (await self._connection.fetch(question, ()))[0]
                    return tuple(row[number] for number in range(len(row)))
            except DatabaseUnavailableError as error:
                _log.debug("%s", error)
            except asyncio.CancelledError:
                self.close()
                raise
            except Exception as error:  # noqa: BLE001 - a server that cannot answer is unreachable, whatever ails it
                _log.debug("%s does not answer: %s", self.name, type(error).__name__)
            self.close()
            return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class Replica:
    def __init__(self, pool: Pool, scout: Scout, limits: ReplicaSettings, clock: Callable[[], float]) -> None:
        self.pool = pool
        self.standing = Standing()
        self.scout = scout
        self._limits, self._clock = limits, clock
        self._look: asyncio.Task[None] | None = None
        # A server that could not be asked at the start is asked when it comes.
        self._system, self._identified = 0, False

    async def open(self, system: int) -> None:
        """One that is gone now may come later. Raises ReplicaError for what is no replica of this cluster."""
        self.standing = Standing()
        self._system, self._identified = system, False
        await self.pool.open(lazily=True)
        await self._identify()
        seen = await self.scout.ask(_POSITION)
        if seen is not None and not seen[0]:
            raise ReplicaError(f"{self.pool.name} was given as a replica and is a primary; check its address")

    def looking(self, course: PrimaryCourse) -> asyncio.Task[None]:
        """A look at where it stands, one at a time for all who wait. It never fails."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._seen(course), name=f"tenfold: looks at {self.pool.name}")
        return self._look

    async def _identify(self) -> None:
        identity = await self.scout.ask(_IDENTITY)
        if identity is not None and int(str(identity[0])) != self._system:
            raise ReplicaError(f"{self.pool.name} is of another cluster than the primary; check its address")
        self._identified = identity is not None

    async def _seen(self, course: PrimaryCourse) -> None:
        row = None
        try:
            if not self._identified:
                await self._identify()
            if self._identified:
                row = await self.scout.ask(_POSITION)
        except ReplicaError as error:
            _log.warning("%s", error)
        now = self._clock()
        seen = None
        if row is not None:
            in_recovery, position = bool(row[0]), row[1]
            replayed = lsn_of(str(position)) if position is not None else 0
            seen = Sighting(in_recovery=in_recovery, replayed=replayed, lag=course.lag(replayed, now))
        self._now(judged(self.standing, seen, self._limits, now))

    def failed(self) -> None:
        """It could not be reached when it was needed."""
        self._now(judged(self.standing, None, self._limits, self._clock()))

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])
        self.scout.close()
        await self.pool.close()

    @property
    def statistics(self) -> ReplicaStatistics:
        standing = self.standing
        return ReplicaStatistics(
            server=self.pool.name, serving=standing.serving, why_not=standing.fault, lag=standing.lag
        )

    def _now(self, standing: Standing) -> None:
        before, self.standing = self.standing, standing
        if before.serving and not standing.serving:
            _log.warning("replica %s gets no reads: %s", self.pool.name, standing.fault)
        elif standing.serving and not before.serving:
            _log.info("replica %s gets reads", self.pool.name)
