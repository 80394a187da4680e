"""Rights of the application's role on the tables that are to be isolated.

Row-level security is a wall only for a role that does not own the tables. Where such a role is configured and
exists, and has no right on a table's rows yet, it is granted reading and writing them; a role that has some
of the rights keeps just those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.estimate import BRIEF
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.ddl import identifier
from tenfold.model.relations import Relation, Sequence
from tenfold.model.remedy import EnableRls
from tenfold.model.roles import Role, parse_acl_item
from tenfold.model.wording import counted
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject

#: Letters of an aclitem for reading and writing rows.
_ROWS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_USAGE = "U"


class _Grant(msgspec.Struct, frozen=True):
    #: table, sequence or schema.
    kind: str
    name: str
    privileges: tuple[str, ...]

    def statement(self, verb: str, way: str, role: str) -> str:
        on = "" if self.kind == "table" else f"{self.kind.upper()} "
        return f"{verb} {', '.join(self.privileges)} ON {on}{self.name} {way} {identifier(role)}"


def grant_application(draft: Draft, wishes: Iterable[Wish[EnableRls]]) -> dict[str, str]:
    """Adds one change a schema for the tables that are to be isolated; returns its id by schema."""
    privileges = draft.subject.once(Privileges)
    role = privileges.application
    if role is None or role.superuser:
        return {}
    schemas: defaultdict[str, list[Wish[EnableRls]]] = defaultdict(list)
    for wish in wishes:
        schemas[wish.remedy.table.schema].append(wish)
    granted = {}
    for schema, its in sorted(schemas.items()):
        lacking = _lacking(
            draft, privileges, role, schema, [draft.relation(wish.remedy.table) for wish in its]
        )
        if lacking:
            granted[schema] = _grant(draft, role, schema, lacking, its[0].shared_with(*its[1:]))
    return granted


def _grant(draft: Draft, role: Role, schema: str, lacking: list[_Grant], wish: Wish[EnableRls]) -> str:
    tables = sum(grant.kind == "table" for grant in lacking)
    return draft.add(
        Change(
            id=f"grant:{identifier(schema)}:{identifier(role.name)}",
            kind="statement",
            phase=Phase.ISOLATION,
            priority=wish.priority,
            object=identifier(schema),
            title=f"Let {identifier(role.name)} use {counted(tables, 'table')} "
            f"of schema {identifier(schema)}",
            done=probes.asks(
                probes.holds(
                    role.name,
                    ((grant.kind, grant.name, each) for grant in lacking for each in grant.privileges),
                )
            ),
            lock=Lock.NONE,
            sql=tuple(grant.statement("GRANT", "TO", role.name) for grant in lacking),
            undo=tuple(grant.statement("REVOKE", "FROM", role.name) for grant in reversed(lacking)),
            estimate=BRIEF,
            findings=wish.findings,
            note="tables that belong to no tenant, and other schemas, are yours to grant",
        )
    )


def _lacking(
    draft: Draft, privileges: Privileges, role: Role, schema: str, relations: list[Relation]
) -> list[_Grant]:
    snapshot = draft.snapshot
    owners = privileges.has(role.oid)
    names = {snapshot.role_by_oid[oid].name for oid in owners if oid in snapshot.role_by_oid}
    grants: list[_Grant] = []
    for space in snapshot.schemas:
        if space.name == schema and space.owner not in owners and _USAGE not in _letters(space.acl, names):
            grants.append(_Grant("schema", identifier(schema), ("USAGE",)))
    for relation in relations:
        if relation.owner in owners or _letters(relation.acl, names) & _ROWS.keys():
            continue
        grants.append(_Grant("table", relation.qualified, tuple(_ROWS.values())))
        for sequence in draft.subject.once(_sequences).get(relation.oid, ()):
            if sequence.owner not in owners and _USAGE not in _letters(sequence.acl, names):
                grants.append(_Grant("sequence", sequence.qualified, ("USAGE",)))
    return grants


def _sequences(subject: Subject) -> dict[int, list[Sequence]]:
    """Sequences of serial columns by relation; those of identity columns need no right of their own."""
    found: defaultdict[int, list[Sequence]] = defaultdict(list)
    for sequence in subject.snapshot.sequences:
        column = subject.snapshot.column_by_number.get((sequence.relation or 0, sequence.column or 0))
        if column is not None and not column.identity:
            found[column.relation].append(sequence)
    return dict(found)


def _letters(acl: tuple[str, ...] | None, names: set[str]) -> set[str]:
    """Letters granted to any of the roles, or to everybody."""
    granted = (parse_acl_item(item) for item in acl or ())
    return {
        letter
        for grant in granted
        if grant.grantee is None or grant.grantee in names
        for letter in grant.privileges
    }
