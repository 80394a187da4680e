"""Writes into the twin's catalog, a statement each, what one for every object would take too long for."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.model.ddl import array
from tenfold.model.snapshot import Snapshot
from tenfold.model.twin import NotCarried
from tenfold.twin.session import TwinSession

#: Twin oids by (schema, name): of relations and of indexes.
Oids = Mapping[tuple[str, str], int]


def read_oids(session: TwinSession) -> dict[tuple[str, str], int]:
    return {(schema, name): oid for oid, schema, name, _, _ in session.named("relations")}


def set_rights(session: TwinSession, snapshot: Snapshot, oids: Oids) -> None:
    """Owners, rights, storage options and row-level security as the source has them."""
    names = {role.oid: role.name for role in snapshot.roles}
    relations = [
        (oid, relation)
        for relation in snapshot.relations
        if relation.extension is None and (oid := oids.get((relation.schema, relation.name))) is not None
    ]
    session.named(
        "set_relations",
        oids=[oid for oid, _ in relations],
        owners=[names.get(relation.owner) for _, relation in relations],
        acls=[_array(_acl(relation.acl)) for _, relation in relations],
        options=[_array(relation.options) for _, relation in relations],
        secured=[relation.rls_enabled for _, relation in relations],
        forced=[relation.rls_forced for _, relation in relations],
    )
    columns = [
        (oids.get((relation.schema, relation.name)), column)
        for column in snapshot.columns
        if column.acl is not None and (relation := snapshot.relation_by_oid.get(column.relation)) is not None
    ]
    session.named(
        "set_column_rights",
        oids=[oid for oid, _ in columns],
        columns=[column.name for _, column in columns],
        acls=[_array(_acl(column.acl)) for _, column in columns],
    )
    session.named(
        "set_schemas",
        names=[schema.name for schema in snapshot.schemas],
        owners=[names.get(schema.owner) for schema in snapshot.schemas],
        acls=[_array(_acl(schema.acl)) for schema in snapshot.schemas],
    )
    functions = [function for function in snapshot.functions if function.extension is None]
    session.named(
        "set_functions",
        schemas=[function.schema for function in functions],
        names=[function.name for function in functions],
        arguments=[function.arguments for function in functions],
        owners=[names.get(function.owner) for function in functions],
        acls=[_array(_acl(function.acl)) for function in functions],
    )


def insert_foreign_keys(session: TwinSession, snapshot: Snapshot, oids: Oids) -> list[NotCarried]:
    """All foreign keys; those that could not be written."""
    wanted = {}
    for key in snapshot.constraints:
        relation = snapshot.relation_by_oid.get(key.relation)
        foreign = snapshot.relation_by_oid.get(key.foreign_relation or 0)
        if key.kind != "f" or relation is None or foreign is None or not key.enforced:
            continue
        ends = oids.get((relation.schema, relation.name)), oids.get((foreign.schema, foreign.name))
        if None not in ends:
            wanted[ends[0], key.name] = (key, relation, ends[1])
    written = session.named(
        "insert_foreign_keys",
        names=[name for _, name in wanted],
        relations=[oid for oid, _ in wanted],
        foreign_relations=[foreign for _, _, foreign in wanted.values()],
        columns=[array(snapshot.column_names(key.relation, key.columns)) for key, _, _ in wanted.values()],
        foreign_columns=[
            array(snapshot.column_names(key.foreign_relation or 0, key.foreign_columns or ()))
            for key, _, _ in wanted.values()
        ],
        validated=[key.validated for key, _, _ in wanted.values()],
    )
    session.named("set_has_foreign_keys", relations=list({oid for oid, _ in written}))
    left = wanted.keys() - {(oid, name) for oid, name in written}
    return [
        NotCarried(
            f"foreign key {name} of {wanted[oid, name][1].qualified}", "no unique index that it refers to"
        )
        for oid, name in sorted(left)
    ]


def _acl(acl: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Without rights of roles that were dropped: the catalog shows them by number."""
    if acl is None:
        return None
    return tuple(item for item in acl if not item[:1].isdigit())


def _array(items: tuple[str, ...] | None) -> str | None:
    """A text array in its text form: each row has one of another length."""
    return None if items is None else array(items)
