"""Fills a column in batches along the primary key, each a short transaction that waits for nobody's rows.

A batch first finds pending keys without a lock, then locks those rows that are free, and updates them: it can
neither deadlock with writers nor hold a row for longer than the lock timeout. A row that somebody holds is
left for the next walk over the table. Only pending rows are touched, so any batch may be the last.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tenfold.errors import ApplyError, StatementTimeoutError
from tenfold.migrate.observer import Progress
from tenfold.migrate.retry import next_batch, pause
from tenfold.migrate.site import Site
from tenfold.migrate.watch import ask_done, supervise
from tenfold.model.change import Backfill, Change
from tenfold.model.ddl import identifier, names
from tenfold.model.wording import counted

Key = tuple[str, ...]


class Walk:
    """How far a backfill has come; outlives a lost connection."""

    def __init__(self) -> None:
        self.filled = 0
        #: Rows of the next batch; None before the first.
        self.batch: int | None = None


def fill(site: Site, change: Change, walk: Walk) -> None:
    """Walks over the table until no row is pending.

    Raises LockTimeoutError where rows stay locked by others, ApplyError where the update cannot fill them.
    """
    assert change.backfill is not None
    task = change.backfill
    try:
        types = _key_types(site, task)
        for _ in range(site.limits.passes):
            found, filled = _walk_over(site, change, walk, types, wait=False)
            if ask_done(site, change):
                return
            if filled:
                continue
            # Every row found is locked by somebody, or the update does not reach it: waiting tells which.
            found, filled = _walk_over(site, change, walk, types, wait=True)
            if ask_done(site, change):
                return
            if not filled:
                stay = "stays as it is" if found == 1 else "stay as they are"
                raise ApplyError(
                    f"{counted(found, 'row')} of {task.table_sql} {stay}: the update does not reach "
                    f"{'it' if found == 1 else 'them'}"
                )
    except KeyboardInterrupt:
        site.remains.append(
            f"{counted(walk.filled, 'row')} of {task.table_sql} filled, the others as they were"
        )
        raise
    raise ApplyError(
        f"new rows without a value keep coming into {task.table_sql}; "
        "have the application write the column, or a trigger fill it, first"
    )


def _walk_over(site: Site, change: Change, walk: Walk, types: list[str], *, wait: bool) -> tuple[int, int]:
    """One walk from the lowest pending key to the highest; rows found and rows filled."""
    task = change.backfill
    assert task is not None
    clock, limits = site.tempo.clock, site.limits
    after: Key | None = None
    found = filled = 0
    while True:
        rows = min(walk.batch or max(1, task.batch_rows // 5), task.batch_rows)
        keys = supervise(site, change, partial(_pending_keys, site, task, types, after, rows))
        if not keys:
            return found, filled
        start = clock()
        try:
            updated = supervise(site, change, partial(_update, site, task, types, keys, wait))
        except StatementTimeoutError:
            if rows == 1:
                raise
            walk.batch = max(1, rows // 2)
            continue
        seconds = clock() - start
        walk.batch = next_batch(rows, seconds, limits.batch, task.batch_rows)
        walk.filled += updated
        found, filled, after = found + len(keys), filled + updated, keys[-1]
        total = max(change.estimate.rows, walk.filled) if change.estimate.rows else None
        site.observer.progress(change, Progress("filling rows", walk.filled, total, "rows"))
        if len(keys) < rows:
            return found, filled
        site.tempo.sleep(pause(seconds, limits.writers_share, limits.longest_pause))


def _key_types(site: Site, task: Backfill) -> list[str]:
    rows = site.worker.named("key_types", table=task.table_sql, columns=list(task.key_columns))
    if len(rows) != len(task.key_columns):
        raise ApplyError(f"{task.table_sql} has no columns {names(task.key_columns)}; make the plan again")
    return [kind for (kind,) in rows]


def _pending_keys(site: Site, task: Backfill, types: list[str], after: Key | None, rows: int) -> list[Key]:
    site.worker.bound(lock=site.limits.lock_timeout, statement=0)
    found: list[tuple[Any, ...]] = site.worker.run(
        pending_keys_sql(task, types, after is not None), (rows, *(after or ()))
    )
    return found


def _update(site: Site, task: Backfill, types: list[str], keys: list[Key], wait: bool) -> int:
    """One batch; rows updated. Its triggers run under the search_path that the role has by default."""
    limit = site.limits.lock_timeout
    columns = [list(column) for column in zip(*keys, strict=True)]
    with site.worker.transaction():
        site.worker.run("SET LOCAL search_path TO DEFAULT")
        site.worker.bound(lock=limit * 0.9, statement=limit, local=True)
        ((updated,),) = site.worker.run(update_sql(task, types, wait=wait), columns)
    count: int = updated
    return count


def pending_keys_sql(task: Backfill, types: list[str], resumed: bool) -> str:
    """The next keys as text, in order: `$1` of them, after the key in `$2` and on where `resumed`."""
    keys = [f"child.{identifier(column)}" for column in task.key_columns]
    bounds = [f"${number}::{kind}" for number, kind in enumerate(types, start=2)]
    beyond = f" AND ({', '.join(keys)}) > ({', '.join(bounds)})" if resumed else ""
    return (
        f"SELECT {', '.join(f'{key}::text' for key in keys)} FROM {task.table_sql} AS child"
        f" WHERE ({task.pending}){beyond} ORDER BY {', '.join(keys)} LIMIT $1"
    )


def update_sql(task: Backfill, types: list[str], *, wait: bool) -> str:
    """Updates those rows of the keys, one array a column, that are pending still; counts them.

    The rows are locked first, which skips those that others hold, or waits for them.
    """
    columns = names(task.key_columns)
    keys = ", ".join(f"child.{identifier(column)}" for column in task.key_columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, start=1))
    return (
        f"WITH wanted AS (SELECT * FROM unnest({arrays}) AS wanted ({columns})),"
        f" batch AS MATERIALIZED (SELECT {keys} FROM {task.table_sql} AS child"
        f" WHERE ({task.pending}) AND ({keys}) IN (SELECT {columns} FROM wanted)"
        f" ORDER BY {keys} FOR NO KEY UPDATE OF child{'' if wait else ' SKIP LOCKED'}),"
        f" filled AS ({task.update} AND ({keys}) IN (SELECT {columns} FROM batch) RETURNING 1)"
        " SELECT count(*) FROM filled"
    )
