"""What has grown old is pruned, and partitions are made before they are needed: by one process at a time.

What a merge changed is kept for as long as it can be undone, and an hour, in which the last one ends. The
audit log goes by months.

Each organization's rows are reached by its own indexes, some thousand at once, so that no statement is long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tenfold.runtime import Database

#: Seconds between two rounds, and months for which partitions of the audit log stand ready.
EVERY, MONTHS = 3_600.0, 3
#: Rows of one organization that one statement deletes, and statements of one kind in a round.
_AT_ONCE, _TIMES = 2_000, 500

_LOCK = "SELECT pg_try_advisory_xact_lock(7303)"
_PARTITIONS = "SELECT hub.make_audit_partitions($1)"
_DROP = "SELECT hub.drop_audit_partitions($1)"
# What was written while nobody made partitions.
_REST = "DELETE FROM hub.audit_entries_rest WHERE at < now() - make_interval(months => $1)"
_IMPATIENT = "SELECT set_config('lock_timeout', '2s', true)"

_log = logging.getLogger("tenfold_hub")


def _older(table: str, key: str, condition: str) -> str:
    columns = [f"old.{name}" for name in key.split(", ")]
    same = " AND ".join(f"t.{name} = d.{name}" for name in key.split(", "))
    return f"""
DELETE FROM {table} t
 USING (SELECT o.id AS organization_id, {", ".join(columns)}
          FROM identity.organizations o
         CROSS JOIN LATERAL (SELECT {key} FROM {table}
                              WHERE organization_id = o.id AND {condition} LIMIT {_AT_ONCE}) old) d
 WHERE t.organization_id = d.organization_id AND {same} AND {condition.replace("created_at", "t.created_at")}
"""


#: By name: what is deleted, and when.
PRUNED = {
    "answers of idempotency keys": _older(
        "hub.idempotency_keys", "credential_id, route, key", "created_at < now() - interval '24 hours'"
    ),
    "deliveries of webhooks": _older(
        "exchange.deliveries", "id", "created_at < now() - interval '30 days' AND status <> 'pending'"
    ),
    "secrets of webhooks that were replaced": _older(
        "exchange.webhook_secrets", "webhook_id, id", "expires_at < now()"
    ),
    "imports": _older("exchange.imports", "id", "created_at < now() - interval '90 days'"),
    "imports that were never sent whole": _older(
        "exchange.imports", "id", "created_at < now() - interval '1 day' AND status = 'uploading'"
    ),
    "exports": _older("exchange.exports", "id", "created_at < now() - interval '30 days'"),
    "files of exports": """
DELETE FROM exchange.export_parts p
 USING identity.organizations o, exchange.exports e
 WHERE e.organization_id = o.id AND e.created_at < now() - interval '7 days' AND e.expires_at < now()
   AND p.organization_id = e.organization_id AND p.export_id = e.id
""",
    "images of merges": _older(
        "identity.merge_images", "merge_id, step, place", "keep_until < now() - interval '1 hour'"
    ),
    "sessions": _older("identity.sessions", "id", "created_at < now() - interval '30 days'"),
    "invitations": _older("identity.invites", "id", "created_at < now() - interval '90 days'"),
}


class Maintenance:
    """`db` is connected as the role that maintains, whose policies let it see what it prunes.

    Of the audit log the last `audit_months` are kept; with 0, all of it.
    """

    def __init__(self, db: Database, every: float = EVERY, *, audit_months: int = 0) -> None:
        self._db, self._every, self._audit_months = db, every, audit_months

    async def once(self) -> dict[str, int]:
        """One round: the rows that were deleted, by name. Nothing where another process is at it."""
        done: dict[str, int] = {}
        async with self._db.system("makes partitions of the audit log") as session:
            if not await session.fetch_value(_LOCK):
                return done
            await session.fetch_value(_IMPATIENT)
            done["partitions"] = await session.fetch_value(_PARTITIONS, MONTHS)
        for name, statement in PRUNED.items():
            done[name] = 0
            for _ in range(_TIMES):
                async with self._db.system(f"prunes {name}") as session:
                    if not await session.fetch_value(_LOCK):
                        return done
                    count = await session.execute(statement)
                done[name] += count
                if not count:
                    break
        if self._audit_months:
            async with self._db.system("drops what is old of the audit log") as session:
                if await session.fetch_value(_LOCK):
                    await session.fetch_value(_IMPATIENT)
                    done["months of the audit log"] = await session.fetch_value(_DROP, self._audit_months)
                    done["entries of the audit log"] = await session.execute(_REST, self._audit_months)
        return done

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with self._db:
            task = asyncio.create_task(self._always(), name="tenfold hub: maintenance")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _always(self) -> None:
        while True:
            try:
                done = {name: count for name, count in (await self.once()).items() if count}
                if done:
                    _log.info("maintenance: %s", ", ".join(f"{count} {name}" for name, count in done.items()))
            except Exception:  # noqa: BLE001 - what fails in one round is done in the next one
                _log.exception("maintenance failed; it is tried again in %.0f s", self._every)
            await asyncio.sleep(self._every * random.uniform(0.9, 1.1))
