"""A primary and its replicas: lends a connection to the one that is to answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from tenfold.errors import DatabaseUnavailableError, ReplicaError
from tenfold.runtime.drivers import Connector
from tenfold.runtime.holders import Place
from tenfold.runtime.lending import Loan, lend
from tenfold.runtime.pool import Pool
from tenfold.runtime.routing.choice import Standing, caught_up, last_resort, serving, takes_over
from tenfold.runtime.routing.lag import PrimaryCourse
from tenfold.runtime.routing.lsn import Token, lsn_of, to_be_replayed
from tenfold.runtime.routing.replica import Replica, Scout
from tenfold.runtime.routing.settings import ReplicaSettings
from tenfold.runtime.settings import PoolSettings
from tenfold.runtime.statistics import DatabaseStatistics

_PRIMARY = """
SELECT pg_catalog.pg_is_in_recovery(), c.system_identifier::text,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_insert_lsn()::text END
  FROM pg_catalog.pg_control_system() c
"""
# Seconds between two questions to replicas that a reader waits for: the first pause, and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.02

_log = logging.getLogger("tenfold.runtime")


class Servers:
    def __init__(
        self,
        primary: Connector,
        replicas: Sequence[Connector],
        pool: PoolSettings,
        limits: ReplicaSettings,
        clock: Callable[[], float],
    ) -> None:
        self.primary = Pool(primary, pool, clock)
        self._limits, self._clock = limits, clock
        self._replicas = [
            Replica(Pool(each, pool, clock, insists=False), Scout(each, pool.connect_timeout), limits, clock)
            for each in replicas
        ]
        self._scout = Scout(primary, pool.connect_timeout)
        self._course = PrimaryCourse()
        self._system = 0
        self._turn = 0
        self._gone_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def replicated(self) -> bool:
        return self._task is not None

    async def open(self) -> None:
        """Raises DatabaseUnavailableError without a primary, and ReplicaError for what is none of it."""
        await self.primary.open()
        if not self._replicas:
            return
        row = await self._scout.ask(_PRIMARY)
        if row is None:
            raise DatabaseUnavailableError(f"{self.primary.name} does not answer")
        if row[0]:
            raise ReplicaError(
                f"{self.primary.name} was given as the primary and is a replica; name its primary"
            )
        self._system = int(str(row[1]))
        await asyncio.gather(*(replica.open(self._system) for replica in self._replicas))
        await self.look()
        self._task = asyncio.create_task(self._look_on(), name="tenfold: looks at replicas")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._scout.close()
        await asyncio.gather(self.primary.close(), *(replica.close() for replica in self._replicas))

    @property
    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(
            primary=self.primary.statistics,
            replicas=tuple(replica.pool.statistics for replica in self._replicas),
            routing=tuple(replica.statistics for replica in self._replicas),
        )

    def token(self, lsn: int) -> str:
        return str(Token(self._system, lsn))

    # --- lending -------------------------------------------------------------------------------------

    async def lend_for_read(self, begin: str, place: Place, token: str | None) -> Loan:
        """From a replica that has what the token names, else from the primary, else from what is left.

        Raises PoolTimeoutError, and DatabaseUnavailableError where nobody can answer.
        """
        for replica in await self._able(token):
            try:
                return await lend(replica.pool, begin, place)
            except DatabaseUnavailableError:
                replica.failed()
        try:
            return await lend(self.primary, begin, place)
        except DatabaseUnavailableError:
            if token is not None:
                raise
            return await self._lend_from_the_rest(begin, place)

    async def _lend_from_the_rest(self, begin: str, place: Place) -> Loan:
        for replica in [self._replicas[number] for number in last_resort(self._standings)]:
            with contextlib.suppress(DatabaseUnavailableError):
                return await lend(replica.pool, begin, place)
        raise DatabaseUnavailableError(f"neither {self.primary.name} nor a replica of it can be reached")

    async def _able(self, token: str | None) -> list[Replica]:
        """Replicas that may answer; with a token those that have replayed it, after a wait where none has."""
        self._turn += 1
        able = serving(self._standings, self._turn)
        if token is not None:
            wanted = Token.read(token)
            if wanted is None or wanted.system != self._system:
                return []
            able = caught_up(self._standings, able, wanted.lsn) or await self._awaited(wanted.lsn)
        return [self._replicas[number] for number in able]

    async def _awaited(self, lsn: int) -> list[int]:
        now = asyncio.get_running_loop().time
        end, pause = now() + self._limits.wait, _FIRST_PAUSE
        while able := serving(self._standings, self._turn):
            if found := caught_up(self._standings, able, lsn):
                return found
            if now() >= end:
                break
            looks = [self._replicas[number].looking(self._course) for number in able]
            await asyncio.wait(looks, timeout=end - now(), return_when=asyncio.FIRST_COMPLETED)
            if not caught_up(self._standings, serving(self._standings, self._turn), lsn):
                await asyncio.sleep(max(0.0, min(pause, end - now())))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return []

    @property
    def _standings(self) -> list[Standing]:
        return [replica.standing for replica in self._replicas]

    # --- looking -------------------------------------------------------------------------------------

    async def look(self) -> None:
        """One look at all of them."""
        row = await self._scout.ask(_PRIMARY)
        now = self._clock()
        if row is not None and row[2] is not None:
            self._course.saw(to_be_replayed(lsn_of(str(row[2]))), now)
        await asyncio.gather(*(replica.looking(self._course) for replica in self._replicas))
        self._gone_since = None if row is not None else now if self._gone_since is None else self._gone_since
        if takes_over(self._gone_since, now, self._limits):
            await self._follow_promotion()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._limits.look_every)
            await self.look()

    async def _follow_promotion(self) -> None:
        """A replica that was promoted takes the place of a primary that is gone, for good.

        The old one, should it come back, gets nothing: there would be two histories.
        """
        for replica in self._replicas:
            if replica.standing.fault == "promoted":
                _log.warning("primary %s is gone; %s takes its place", self.primary.name, replica.pool.name)
                old, self.primary = self.primary, replica.pool
                self._scout.close()
                self._scout = replica.scout
                self._replicas.remove(replica)
                self._gone_since = None
                await old.close()
                return
