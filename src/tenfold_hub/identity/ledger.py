"""Writes of a merge, each with images of the rows before it: whatever was changed can be put back exactly.

Steps are numbered in the order in which they were done; undoing goes through them from the last to the first.
However many rows a step has, it is one statement, or two. The images are kept for as long as the merge can be
undone: they are what people's rows were.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from tenfold.runtime import Session, quoted_name
from tenfold_hub.identity.references import Image, Reference, Table

What: TypeAlias = Literal["moved", "changed", "removed", "added"]

_KEEP = """
INSERT INTO identity.merge_images
       (organization_id, merge_id, step, place, what, relation, key, before, after, keep_until)
SELECT $1, $2, $3, i.place, $4, $5, i.key, i.before, i.after, $9
  FROM unnest($6::jsonb[], $7::jsonb[], $8::jsonb[]) WITH ORDINALITY AS i (key, before, after, place)
"""


class Ledger:
    """Of one merge, in its transaction."""

    def __init__(self, session: Session, merge: uuid.UUID, keep_until: datetime.datetime) -> None:
        self._session, self.merge, self._keep_until = session, merge, keep_until
        self._step = 0

    async def rows(self, reference: Reference, ids: Iterable[uuid.UUID]) -> list[Image]:
        """Rows that refer to one of these, held to the end of the transaction."""
        table, column = reference.table, quoted_name(reference.column)
        conditions, more = _where(reference, 3)
        found = await self._session.fetch(
            f"SELECT to_jsonb(t) AS image FROM {table.quoted} AS t WHERE t.organization_id = $1"
            f" AND t.{column} = ANY($2::uuid[]){conditions} ORDER BY {_columns(table.key, 't')} FOR UPDATE",
            self._session.tenant,
            list(ids),
            *more,
        )
        return [image(row["image"]) for row in found]

    async def move(self, reference: Reference, ids: Mapping[uuid.UUID, uuid.UUID]) -> None:
        """Rows that refer to a key of `ids` refer to its value from now on. Any number, in one statement."""
        table, name = reference.table, reference.column
        column = quoted_name(name)
        conditions, more = _where(reference, 9)
        key = ", ".join(f"'{each}', t.{quoted_name(each)}" for each in table.key)
        await self._session.execute(
            f"WITH moved AS (UPDATE {table.quoted} AS t SET {column} = m.new{_touched(table)}"
            f" FROM unnest($2::uuid[], $3::uuid[]) AS m (old, new)"
            f" WHERE t.organization_id = $1 AND t.{column} = m.old AND t.{column} = ANY($2::uuid[])"
            f"{conditions} RETURNING jsonb_build_object({key}) AS key, m.old, m.new)"
            " INSERT INTO identity.merge_images"
            " (organization_id, merge_id, step, place, what, relation, key, before, after, keep_until)"
            " SELECT $1, $4, $5, row_number() OVER (), 'moved', $6, key,"
            " jsonb_build_object($7::text, old), jsonb_build_object($7::text, new), $8 FROM moved",
            self._session.tenant,
            list(ids),
            list(ids.values()),
            self.merge,
            self._next(),
            table.name,
            name,
            self._keep_until,
            *more,
        )

    async def change(self, table: Table, pairs: Sequence[tuple[Image, Image]]) -> None:
        """Rows, before and after, which differ in the same columns or fewer."""
        names = sorted({name for before, after in pairs for name in after if before[name] != after[name]})
        if not names:
            return
        sets = ", ".join(f"{quoted_name(name)} = n.{quoted_name(name)}" for name in names)
        await self._session.execute(
            f"UPDATE {table.quoted} AS t SET {sets} FROM {_rows(table)} AS n"
            f" WHERE t.organization_id = $1 AND {_same(table)}",
            self._session.tenant,
            json(after for _, after in pairs),
        )
        await self._keep(
            "changed",
            table,
            [
                (after, {name: before[name] for name in names}, {name: after[name] for name in names})
                for before, after in pairs
            ],
        )

    async def remove(self, table: Table, rows: Sequence[Image]) -> None:
        await self._session.execute(
            f"DELETE FROM {table.quoted} AS t USING {_rows(table)} AS n"
            f" WHERE t.organization_id = $1 AND {_same(table)}",
            self._session.tenant,
            json(rows),
        )
        await self._keep("removed", table, [(row, row, None) for row in rows])

    async def add(self, table: Table, rows: Sequence[Image]) -> None:
        """Rows with all their columns."""
        await self._session.execute(
            f"INSERT INTO {table.quoted} SELECT n.* FROM {_rows(table)} AS n WHERE n.organization_id = $1",
            self._session.tenant,
            json(rows),
        )
        await self._keep("added", table, [(row, None, row) for row in rows])

    async def _keep(
        self, what: What, table: Table, images: Sequence[tuple[Image, Image | None, Image | None]]
    ) -> None:
        await self._session.execute(
            _KEEP,
            self._session.tenant,
            self.merge,
            self._next(),
            what,
            table.name,
            [text({name: row[name] for name in table.key}) for row, _, _ in images],
            [None if before is None else text(before) for _, before, _ in images],
            [None if after is None else text(after) for _, _, after in images],
            self._keep_until,
        )

    def _next(self) -> int:
        self._step += 1
        return self._step


def image(value: Any) -> Image:
    """A row that came as JSON, which the driver gives as text."""
    found: Image = msgspec.json.decode(value) if isinstance(value, str) else value
    return found


def text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def json(rows: Iterable[Image]) -> str:
    return text(list(rows))


def _rows(table: Table) -> str:
    return f"jsonb_populate_recordset(NULL::{table.quoted}, $2::jsonb)"


def _same(table: Table) -> str:
    return " AND ".join(f"t.{quoted_name(name)} = n.{quoted_name(name)}" for name in table.key)


def _columns(names: Iterable[str], of: str) -> str:
    return ", ".join(f"{of}.{quoted_name(name)}" for name in names)


def _touched(table: Table) -> str:
    return ", version = t.version + 1, updated_at = now()" if table.versioned else ""


def _where(reference: Reference, first: int) -> tuple[str, list[str]]:
    conditions = "".join(
        f" AND t.{quoted_name(name)} = ${place}" for place, name in enumerate(reference.where, first)
    )
    return conditions, list(reference.where.values())
