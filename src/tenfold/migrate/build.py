"""Builds, drops and rebuilds an index concurrently, and clears what a killed build left.

No lock_timeout: it would end a build that waits for old transactions, as every concurrent build does. Writers
are not in its way, nor it in theirs; whom it waits for is told.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from tenfold.errors import ApplyError, ConnectionLostError, StatementTimeoutError, TenfoldError
from tenfold.migrate.site import Site
from tenfold.migrate.watch import ask_done, supervise
from tenfold.model.change import Change
from tenfold.model.ddl import qualified


def build(site: Site, change: Change) -> None:
    """Runs the statements of a build. One that fails leaves no invalid index, or `site.remains` says so."""
    _await_builders(site, change)
    if ask_done(site, change):
        return
    _drop_leftovers(site, change)
    for statement in change.sql:
        site.worker.bound(lock=0, statement=0)
        try:
            supervise(site, change, partial(site.worker.run, statement))
        except ConnectionLostError:
            raise  # the server may still be building; the next look at the index decides
        except BaseException as error:
            _put_back(site, change)
            if isinstance(error, StatementTimeoutError):
                raise ApplyError("somebody cancelled it on the server") from error
            raise


class _Leftover(NamedTuple):
    """An index that a build did not finish."""

    schema: str
    name: str
    table: int
    #: Oids under which the server may report the build: the index and, in a rebuild, the one it replaces.
    indexes: tuple[int, ...]

    @property
    def sql(self) -> str:
        return qualified(self.schema, self.name)

    @property
    def drop(self) -> str:
        return f"DROP INDEX CONCURRENTLY IF EXISTS {self.sql}"


def _leftovers(site: Site, change: Change) -> list[_Leftover]:
    """What an unfinished build of this change left: never an index of another name or of another table."""
    if change.index is None:
        return []
    schema, name = change.index
    if _verb(change) == "REINDEX":
        rows = site.worker.named("reindex_leftovers", schema=schema, name=name)
        return [_Leftover(schema, left, table, (oid, index)) for left, oid, table, index in rows]
    rows = site.worker.named("index_state", schema=schema, name=name)
    for *_, table_schema, table_name, quoted in rows:
        if _verb(change) == "CREATE" and not _is_on(change, qualified(table_schema, table_name), quoted):
            raise ApplyError(
                f"index {qualified(schema, name)} exists already, on {quoted}; "
                "rename or drop it, or make the plan again"
            )
    return [_Leftover(schema, name, table, (oid,)) for oid, valid, table, *_ in rows if not valid]


def _drop_leftovers(site: Site, change: Change) -> None:
    """An interrupted drop is simply dropped again by its own statement."""
    if _verb(change) == "DROP":
        return
    for left in _leftovers(site, change):
        site.observer.note(f"drops {left.sql}, which an interrupted build left invalid")
        site.worker.bound(lock=0, statement=0)
        supervise(site, change, partial(site.worker.run, left.drop))


def _await_builders(site: Site, change: Change) -> None:
    """A build outlives its client: what another session builds now is waited for, not dropped."""
    told: list[int] = []
    try:
        while pids := _builders(site, change):
            if told != pids:
                site.observer.note(f"waits for the build of the same index by {_spoken(pids)}")
                told = pids
            blockers, progress = site.look(pids[0])
            if blockers and blockers != site.blockers:
                site.blockers = blockers
                site.observer.blocked(change, blockers)
            if progress is not None:
                site.observer.progress(change, progress)
            site.tempo.sleep(site.limits.poll)
    except KeyboardInterrupt:
        if told:
            site.remains.append(f"the build by {_spoken(told)} goes on")
        raise


def _spoken(pids: list[int]) -> str:
    return f"pid {', '.join(map(str, pids))}"


def _builders(site: Site, change: Change) -> list[int]:
    return sorted(
        pid
        for left in _leftovers(site, change)
        for (pid,) in site.worker.named("builders", table=left.table, indexes=list(left.indexes))
    )


def _put_back(site: Site, change: Change) -> None:
    """Drops what the build has just left, within the lock timeout; a further Ctrl-C ends that too."""
    what = qualified(*change.index) if change.index else change.object
    dropping = _verb(change) == "DROP"
    try:
        site.worker.bound(lock=site.limits.lock_timeout, statement=0)
        for left in _leftovers(site, change):
            what = left.sql
            if dropping:
                site.remains.append(
                    f"index {what} is marked invalid; running the command again finishes its drop"
                )
            else:
                site.worker.run(left.drop)
    except (TenfoldError, KeyboardInterrupt):
        site.remains.append(
            f"the unfinished index {what} remains, marked invalid; running the command again replaces it, "
            f"or: DROP INDEX CONCURRENTLY {what}"
        )


def _verb(change: Change) -> str:
    return change.sql[0].split(maxsplit=1)[0].upper()


def _is_on(change: Change, *names: str) -> bool:
    """Whether the statement builds on that table: as we write its name with schema, or as the server does."""
    return any(
        f" ON {only}{name} " in statement
        for statement in change.sql
        for only in ("", "ONLY ")
        for name in names
    )
