"""Undoing a merge: every row as it was, but for its version, which goes on counting.

Rows that were written to after the merge decide: what the merge had changed in them, and a later write
changed again, cannot be both. Then nothing is undone, and the problem names the rows and the columns.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.runtime import Session, quoted_name
from tenfold_hub.identity.ledger import Ledger, image, text
from tenfold_hub.identity.merging import Work, tell, values_of
from tenfold_hub.identity.references import Image, References, Table
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.showing import moment

#: Rows that a problem names.
_MOST_NAMED = 20

_HOLD = "SELECT id FROM identity.people WHERE organization_id = $1 AND id = $2 FOR UPDATE"
_STEPS = """
SELECT step, min(what) AS what, min(relation) AS relation, count(*) AS rows, min(before::text) AS before,
       min(after::text) AS after
  FROM identity.merge_images
 WHERE organization_id = $1 AND merge_id = $2
 GROUP BY step ORDER BY step DESC
"""
_IMAGES = """
SELECT step, key, before, after FROM identity.merge_images
 WHERE organization_id = $1 AND merge_id = $2 AND what = 'changed' AND relation = $3
 ORDER BY step
"""
_ALIASES = """
SELECT merge_id FROM identity.person_aliases WHERE organization_id = $1 AND alias_id = $2
"""
_OF_STEP = "i.organization_id = $1 AND i.merge_id = $2 AND i.step = $3"
_COUNTED = frozenset({"version", "updated_at"})


class Undoing:
    def __init__(self, merges: Records, references: References) -> None:
        self._merges, self._references = merges, references

    async def undo(self, session: Session, principal: Principal, merge: uuid.UUID) -> dict[str, Any]:
        """The merge, undone.

        Raises Problem: `not_found`, `gone` where it is too late, or `conflict` with what stands in the way.
        """
        held = await self._merges.rows.lock(session, [merge])
        if merge not in held:
            raise not_found("merge")
        before = held[merge]
        if before["undone_at"] is not None:
            raise Problem("conflict", "this merge was undone already")
        if before["undo_until"] <= datetime.datetime.now(datetime.UTC):
            raise Problem(
                "gone",
                f"it could be undone until {moment(before['undo_until'])}: what it changed is not kept",
            )
        await self._require_survivor(session, before["survivor_id"])
        steps = await session.fetch(_STEPS, session.tenant, merge)
        tables = {step["relation"]: self._references.table(step["relation"]) for step in steps}
        keepers = await self._keepers(session, merge, [each for each in steps if each["what"] == "changed"])
        work, restored = Work(Ledger(session, merge, before["undo_until"])), set[str]()
        for step in steps:
            table = tables[step["relation"]]
            match step["what"]:
                case "moved":
                    await self._move_back(session, merge, step, table)
                case "added":
                    await self._take_away(session, merge, step, table)
                case "removed":
                    version = keepers[table.name][0] if table.name in keepers else 0
                    await self._bring_back(session, work, merge, step, table, version)
                case "changed" if table.name not in restored:
                    version, pairs = keepers[table.name]
                    restored.add(table.name)
                    await self._change_back(session, work, table, version, pairs)
        return await self._done(session, principal, work, before)

    # --- whether it can be ---------------------------------------------------------------------------

    async def _require_survivor(self, session: Session, survivor: uuid.UUID) -> None:
        if await session.fetch_value(_HOLD, session.tenant, survivor) is not None:
            return
        later = await session.fetch_value(_ALIASES, session.tenant, survivor)
        name = shown("mrg", later) if later else "a later merge"
        raise Problem(
            "conflict",
            f"the survivor was itself merged into another person since; undo {name} first",
            [Fault("/survivor_id", "merged_since", f"undo {name} first")],
        )

    async def _keepers(
        self, session: Session, merge: uuid.UUID, steps: Sequence[Any]
    ) -> dict[str, tuple[int, list[tuple[Image, Image]]]]:
        """By relation: the version to go on from, and each row as it is and as it is to be.

        Raises Problem for rows whose columns were changed again.
        """
        found: dict[str, tuple[int, list[tuple[Image, Image]]]] = {}
        faults: list[Fault] = []
        for relation in dict.fromkeys(step["relation"] for step in steps):
            table = self._references.table(relation)
            rows = await session.fetch(_IMAGES, session.tenant, merge, relation)
            images = _first_and_last(table, rows)
            now = await self._now(session, table, [key for key, _, _ in images])
            pairs = []
            for key, before, after in images:
                current = now.get(_place(table, key))
                if current is None:
                    faults.append(_fault(table, key, "gone", "it was removed since"))
                    continue
                again = [n for n in after if n not in _COUNTED and current.get(n) != after[n]]
                if again:
                    columns = ", ".join(sorted(again))
                    faults.append(_fault(table, key, "changed_since", f"{columns}: changed since the merge"))
                restored = {name: value for name, value in before.items() if name not in _COUNTED}
                pairs.append((current, current | restored))
            version = max((current["version"] for current, _ in pairs if table.versioned), default=0)
            found[relation] = (version + 1, pairs)
        if faults:
            raise _impossible(faults)
        return found

    async def _now(self, session: Session, table: Table, keys: Sequence[Image]) -> dict[Any, Image]:
        rows = await session.fetch(
            f"SELECT to_jsonb(t) AS image FROM {table.quoted} AS t"
            f" JOIN jsonb_populate_recordset(NULL::{table.quoted}, $2::jsonb) AS n"
            f" ON {_same(table, 't', 'n')}"
            f" WHERE t.organization_id = $1 ORDER BY {_listed(table)} FOR UPDATE OF t",
            session.tenant,
            text(list(keys)),
        )
        images = [image(row["image"]) for row in rows]
        return {_place(table, each): each for each in images}

    # --- step by step --------------------------------------------------------------------------------

    async def _move_back(self, session: Session, merge: uuid.UUID, step: Any, table: Table) -> None:
        (name,) = image(step["before"])
        column = quoted_name(name)
        touched = ", version = t.version + 1, updated_at = now()" if table.versioned else ""
        parameters = (session.tenant, merge, step["step"], name)
        moved = await session.execute(
            f"UPDATE {table.quoted} AS t SET {column} = (i.before->>$4::text)::uuid{touched}"
            f" FROM identity.merge_images AS i,"
            f" LATERAL jsonb_populate_record(NULL::{table.quoted}, i.key) AS n"
            f" WHERE {_OF_STEP} AND t.organization_id = $1 AND {_same(table, 't', 'n')}"
            f" AND t.{column} = (i.after->>$4::text)::uuid",
            *parameters,
        )
        if moved == step["rows"]:
            return
        # What is gone by now needs no way back, and what was merged into another row came back as it was.
        elsewhere = await session.fetch(
            f"SELECT i.key FROM identity.merge_images AS i,"
            f" LATERAL jsonb_populate_record(NULL::{table.quoted}, i.key) AS n,"
            f" {table.quoted} AS t"
            f" WHERE {_OF_STEP} AND t.organization_id = $1 AND {_same(table, 't', 'n')}"
            f" AND t.{column} <> (i.before->>$4::text)::uuid LIMIT {_MOST_NAMED}",
            *parameters,
        )
        if elsewhere:
            raise _impossible(
                [
                    _fault(table, image(row["key"]), "changed_since", f"{name}: changed since the merge")
                    for row in elsewhere
                ]
            )

    async def _take_away(self, session: Session, merge: uuid.UUID, step: Any, table: Table) -> None:
        await session.execute(
            f"DELETE FROM {table.quoted} AS t USING identity.merge_images AS i,"
            f" LATERAL jsonb_populate_record(NULL::{table.quoted}, i.key) AS n"
            f" WHERE {_OF_STEP} AND t.organization_id = $1 AND {_same(table, 't', 'n')}",
            session.tenant,
            merge,
            step["step"],
        )

    async def _bring_back(
        self, session: Session, work: Work, merge: uuid.UUID, step: Any, table: Table, version: int
    ) -> None:
        # The columns of that time: those that a migration added since take their defaults.
        names = ", ".join(map(quoted_name, image(step["before"])))
        new = "jsonb_build_object('version', $4::bigint, 'updated_at', now())" if table.versioned else "'{}'"
        parameters = [session.tenant, merge, step["step"], *([version] if table.versioned else [])]
        try:
            async with session.savepoint():
                rows = await session.fetch(
                    f"INSERT INTO {table.quoted} AS t ({names}) SELECT {_of('n', image(step['before']))}"
                    f" FROM identity.merge_images AS i, LATERAL jsonb_populate_record("
                    f"NULL::{table.quoted}, i.before || {new}) AS n WHERE {_OF_STEP}"
                    " RETURNING to_jsonb(t) AS image",
                    *parameters,
                )
        except Exception as error:
            if not str(getattr(error, "sqlstate", "")).startswith("23"):
                raise
            name = getattr(error, "constraint_name", None) or "a constraint"
            raise _impossible(
                [Fault(table.name, "taken", f"what was written since contradicts it ({name})")]
            ) from None
        if table.records is not None:
            resource = table.records.resource
            values = [values_of(resource, image(row["image"])) for row in rows]
            details = {"automation": False, "merge_id": shown("mrg", merge)}
            changes = [Change("unmerged", each["id"], None, each, details) for each in values]
            work.changed(table.records, *changes)

    async def _change_back(
        self,
        session: Session,
        work: Work,
        table: Table,
        version: int,
        pairs: Sequence[tuple[Image, Image]],
    ) -> None:
        if table.versioned:
            now = datetime.datetime.now(datetime.UTC).isoformat()
            pairs = [(before, after | {"version": version, "updated_at": now}) for before, after in pairs]
        names = sorted({name for before, after in pairs for name in after if before[name] != after[name]})
        if not names:
            return
        sets = ", ".join(f"{quoted_name(name)} = n.{quoted_name(name)}" for name in names)
        await session.execute(
            f"UPDATE {table.quoted} AS t SET {sets}"
            f" FROM jsonb_populate_recordset(NULL::{table.quoted}, $2::jsonb) AS n"
            f" WHERE t.organization_id = $1 AND {_same(table, 't', 'n')}",
            session.tenant,
            text([after for _, after in pairs]),
        )
        if table.records is not None:
            resource = table.records.resource
            details = {"automation": False, "merge_id": shown("mrg", work.ledger.merge)}
            for before, after in pairs:
                first, then = values_of(resource, before), values_of(resource, after)
                work.changed(table.records, Change("unmerged", then["id"], first, then, details))

    async def _done(
        self, session: Session, principal: Principal, work: Work, before: Mapping[str, Any]
    ) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC)
        after = dict(before) | {"version": before["version"] + 1, "updated_at": now, "undone_at": now}
        await self._merges.rows.update(session, [after])
        work.changed(self._merges, Change("updated", after["id"], before, after))
        await tell(session, principal, work)
        return after


def _first_and_last(table: Table, rows: Sequence[Any]) -> list[tuple[Image, Image, Image]]:
    """Of each row, however often the merge changed it: its key, and its columns before all and after all."""
    found: dict[tuple[str, ...], tuple[Image, Image, Image]] = {}
    for row in rows:
        key, before, after = image(row["key"]), image(row["before"]), image(row["after"])
        known = found.setdefault(_place(table, key), (key, {}, {}))
        known[1].update(before | known[1])
        known[2].update(after)
    return list(found.values())


def _impossible(faults: Sequence[Fault]) -> Problem:
    return Problem(
        "conflict",
        "what the merge changed was changed again since, so that nothing was undone",
        faults[:_MOST_NAMED],
    )


def _fault(table: Table, key: Image, code: str, detail: str) -> Fault:
    id = key.get("id")
    if table.records is not None and id is not None:
        name = shown(table.records.resource.prefix, uuid.UUID(str(id)))
    else:
        name = "/".join(str(key[each]) for each in table.key)
    return Fault(f"{table.name}/{name}", code, detail)


def _place(table: Table, row: Image) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in table.key)


def _same(table: Table, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{quoted_name(name)} = {other}.{quoted_name(name)}" for name in table.key)


def _listed(table: Table) -> str:
    return _of("t", table.key)


def _of(alias: str, names: Any) -> str:
    return ", ".join(f"{alias}.{quoted_name(name)}" for name in names)
