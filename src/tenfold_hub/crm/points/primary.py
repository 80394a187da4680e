"""One primary of each kind: whoever has any has one, and only one, whatever is written at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tenfold.runtime import Session, quoted_name
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.rows import Values

#: Whose it is, and of which kind.
Group: TypeAlias = tuple[uuid.UUID, str]

# Who writes points of somebody waits for others who do.
_HOLD = """
SELECT (SELECT count(*) FROM (SELECT id FROM crm.contacts WHERE organization_id = $1 AND id = ANY($2::uuid[])
                               ORDER BY id FOR NO KEY UPDATE) AS held),
       (SELECT count(*) FROM (SELECT id FROM crm.companies WHERE organization_id = $1 AND id = ANY($2::uuid[])
                               ORDER BY id FOR NO KEY UPDATE) AS held)
"""


class Primary:
    """Of one resource whose things have `contact_id` or `company_id`, and `is_primary`."""

    def __init__(self, records: Records, kind: Callable[[Mapping[str, Any]], str] = lambda _: "") -> None:
        self._records, self._kind = records, kind
        resource = records.resource
        columns = ", ".join(map(quoted_name, resource.types))
        table = quoted_name(resource.schema, resource.table)
        self._all = " UNION ALL ".join(
            f"SELECT {columns} FROM {table} WHERE organization_id = $1 AND {owner} = ANY($2::uuid[])"
            for owner in ("contact_id", "company_id")
        )
        records.prepare.append(self._hold)
        records.follow.append(self._settle)

    async def _hold(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        owners = {owner for draft in drafts if (owner := owner_of(draft.values)) is not None}
        if owners:
            await session.fetch(_HOLD, session.tenant, list(owners))
        for draft in drafts:
            if draft.values.get("archived_at") is not None:
                draft.values["is_primary"] = False

    async def _settle(self, session: Session, principal: Principal, changes: Sequence[Change]) -> None:
        written = {each.id: each.after for each in changes if each.after is not None and _owned(each.after)}
        if not written:
            return
        owners = {owner_of(values) for values in written.values()}
        groups: dict[Group, list[Values]] = {}
        for row in sorted(await self.all_of(session, owners), key=lambda row: row["id"]):
            if row["archived_at"] is None:
                groups.setdefault((owner_of(row), self._kind(row)), []).append(row)
        flipped = []
        for rows in groups.values():
            wanted = [row for row in rows if row["is_primary"] and row["id"] in written]
            chosen = (wanted or [row for row in rows if row["is_primary"]] or rows)[-1 if wanted else 0]
            flipped += [row for row in rows if row["is_primary"] is not (row is chosen)]
        if flipped:
            await self._flip(session, principal, flipped, written)

    async def all_of(self, session: Session, owners: set[uuid.UUID]) -> list[Values]:
        """What these contacts and companies have, archived ones too."""
        rows = await session.fetch(self._all, session.tenant, list(owners))
        return [self._records.rows.values(row) for row in rows]

    async def _flip(
        self,
        session: Session,
        principal: Principal,
        rows: Sequence[Values],
        written: Mapping[uuid.UUID, Mapping[str, Any]],
    ) -> None:
        """What is being written already is written once more, and told of once."""
        changes = []
        for row in rows:
            before = dict(row)
            row["is_primary"] = not row["is_primary"]
            if row["id"] in written:
                written[row["id"]]["is_primary"] = row["is_primary"]  # type: ignore[index] # our own values
            else:
                row["version"] += 1
                changes.append(Change("updated", row["id"], before, row))
        await self._records.rows.update(session, rows)
        if changes:
            await self._records.tell(session, principal, changes)


def owner_of(values: Mapping[str, Any]) -> Any:
    return values.get("contact_id") or values.get("company_id")


def _owned(values: Mapping[str, Any]) -> bool:
    return owner_of(values) is not None
