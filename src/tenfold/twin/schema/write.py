"""Which statements make a snapshot's schema, stage by stage.

What a plan does not depend on is left out: ordinary triggers, comments, storage of sequences, and the text of
functions in languages that the embedded server has not. Foreign keys, owners, rights, options and flags of
row-level security are written into the catalog, a statement for all of a kind: see `tenfold.twin.catalog`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tenfold.model.ddl import dollar_quoted, identifier, literal, qualified
from tenfold.model.relations import Policy, Trigger, Type
from tenfold.model.roles import Function
from tenfold.model.snapshot import Snapshot
from tenfold.twin.names import MISSING_POLICY, TWIN_SCHEMA
from tenfold.twin.schema.collations import collations
from tenfold.twin.schema.step import Stage, Step
from tenfold.twin.schema.tables import attachments, tables

_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def schema_stages(snapshot: Snapshot) -> tuple[Stage, ...]:
    """All of it, roles excepted: they belong to the server."""
    own = _not_of_extensions(snapshot)
    return (
        Stage("schemas", tuple(_schemas(snapshot))),
        Stage("extensions", tuple(_extensions(snapshot))),
        Stage("collations", tuple(collations(snapshot))),
        Stage("types", tuple(_types(snapshot))),
        Stage("sequences", tuple(_sequences(snapshot))),
        Stage("functions", tuple(_functions(snapshot))),
        Stage("tables", tuple(tables(snapshot, own))),
        Stage("keys and indexes", tuple(_indexes(snapshot, own))),
        Stage("partitions", tuple(attachments(snapshot, own))),
        Stage("views", tuple(_views(snapshot, own))),
        Stage("view indexes", tuple(_view_indexes(snapshot, own))),
        Stage("view triggers", tuple(_triggers(snapshot))),
        Stage("statistics objects", tuple(_extended_statistics(snapshot, own))),
        Stage("policies", tuple(_policies(snapshot, own))),
    )


def role_steps(snapshot: Snapshot) -> Iterator[Step]:
    """Roles and who is a member of whom. The server's own predefined roles are there already."""
    names = {role.oid: role.name for role in snapshot.roles}
    for role in snapshot.roles:
        if role.name.startswith("pg_"):
            continue
        words = [
            "SUPERUSER" if role.superuser else "NOSUPERUSER",
            "BYPASSRLS" if role.bypass_rls else "NOBYPASSRLS",
            "INHERIT" if role.inherit else "NOINHERIT",
        ]
        yield Step(f"CREATE ROLE {identifier(role.name)} {' '.join(words)}", f"role {identifier(role.name)}")
    for link in snapshot.memberships:
        if link.role not in names or link.member not in names:
            continue
        group, member = identifier(names[link.role]), identifier(names[link.member])
        inherits, may_set = str(link.inherits).upper(), str(link.may_set).upper()
        yield Step(
            f"GRANT {group} TO {member} WITH INHERIT {inherits}, SET {may_set}",
            f"membership of {member} in {group}",
        )


def _not_of_extensions(snapshot: Snapshot) -> frozenset[int]:
    return frozenset(relation.oid for relation in snapshot.relations if relation.extension is None)


def _schemas(snapshot: Snapshot) -> Iterator[Step]:
    for schema in snapshot.schemas:
        if schema.name != "public":
            yield Step(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema.name)}", f"schema {schema.name}")


def _extensions(snapshot: Snapshot) -> Iterator[Step]:
    for extension in snapshot.extensions:
        if extension.name == "plpgsql":
            continue
        name = identifier(extension.name)
        anywhere = f"CREATE EXTENSION IF NOT EXISTS {name}"
        yield Step(
            f"{anywhere} SCHEMA {identifier(extension.schema)} CASCADE",
            f"extension {extension.name}",
            instead=(f"{anywhere} CASCADE",),  # some insist on a schema of their own
        )


def _types(snapshot: Snapshot) -> Iterator[Step]:
    for type_ in snapshot.types:
        if type_.extension is None and (definition := _type_definition(type_)):
            name = qualified(type_.schema, type_.name)
            yield Step(f"CREATE {definition}", f"type {name}")


def _type_definition(type_: Type) -> str | None:
    name = qualified(type_.schema, type_.name)
    match type_.kind:
        case "e":
            return f"TYPE {name} AS ENUM ({', '.join(map(literal, type_.labels or ()))})"
        case "d":
            parts = [f"DOMAIN {name} AS {type_.base}"]
            if type_.default is not None:
                parts.append(f"DEFAULT {type_.default}")
            if type_.not_null:
                parts.append("NOT NULL")
            return " ".join([*parts, *(type_.checks or ())])
        case "c":
            return f"TYPE {name} AS ({', '.join(type_.attributes or ())})"
        case "r":
            return f"TYPE {name} AS RANGE (subtype = {type_.subtype})"
        case _:
            return None  # a multirange comes with its range


def _sequences(snapshot: Snapshot) -> Iterator[Step]:
    for sequence in snapshot.sequences:
        if sequence.extension is None:
            yield Step(f"CREATE SEQUENCE {sequence.qualified}", f"sequence {sequence.qualified}")


def _functions(snapshot: Snapshot) -> Iterator[Step]:
    """All but those of ordinary triggers, which no plan shows."""
    called = {trigger.function for trigger in _instead_of(snapshot)}
    for function in snapshot.functions:
        if function.result in ("trigger", "event_trigger") and function.oid not in called:
            continue
        if function.extension is None and function.definition is not None:
            yield Step(function.definition, f"function {function.qualified}", instead=_stand_in(function))


def _instead_of(snapshot: Snapshot) -> list[Trigger]:
    """Triggers that make a view writable: without them the server plans no write to it."""
    return [trigger for trigger in snapshot.triggers if " INSTEAD OF " in trigger.definition]


def _triggers(snapshot: Snapshot) -> Iterator[Step]:
    for trigger in _instead_of(snapshot):
        yield Step(trigger.definition, f"trigger {trigger.name}")


def _stand_in(function: Function) -> tuple[str, ...]:
    """A function of the same signature for one whose language the embedded server has not.

    Its name shows in every plan that calls it, so that such a plan is not taken for true; where the planner
    would call it to know more, it refuses.
    """
    if function.kind != "f" or function.result is None or function.result == "trigger":
        return ()
    volatility = {"i": "IMMUTABLE", "s": "STABLE"}.get(function.volatility, "VOLATILE")
    says = literal(f"the twin has no true {function.qualified}".replace("%", "%%"))
    leakproof = " LEAKPROOF" if function.leakproof else ""
    head = (
        f"CREATE FUNCTION {function.qualified} RETURNS {function.result} LANGUAGE plpgsql"
        f" {volatility}{leakproof}"
    )
    return (f"{head} AS {dollar_quoted(f'BEGIN RAISE EXCEPTION {says}; END')}",)


def _indexes(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    for index in snapshot.indexes:
        relation = snapshot.relation_by_oid.get(index.relation)
        if (
            index.constraint is None
            and index.valid
            and index.relation in own
            and relation is not None
            and relation.kind in ("r", "p")
        ):
            yield Step(index.definition, f"index {index.name}")


def _view_indexes(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    for index in snapshot.indexes:
        relation = snapshot.relation_by_oid.get(index.relation)
        if relation is not None and relation.kind == "m" and index.valid and index.relation in own:
            yield Step(index.definition, f"index {index.name}")


def _views(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    for view in _in_order_of_reading(snapshot, own):
        relation = snapshot.relation_by_oid[view]
        definition = next((v.definition for v in snapshot.views if v.relation == view), None)
        if definition is None:
            continue
        query = definition.rstrip().rstrip(";")
        if relation.kind == "m":
            sql = f"CREATE MATERIALIZED VIEW {relation.qualified} AS {query} WITH NO DATA"
        else:
            options = f" WITH ({', '.join(relation.options)})" if relation.options else ""
            columns = ", ".join(identifier(column.name) for column in snapshot.columns_of(view))
            sql = f"CREATE VIEW {relation.qualified} ({columns}){options} AS {query}"
        yield Step(sql, f"view {relation.qualified}")


def _in_order_of_reading(snapshot: Snapshot, own: frozenset[int]) -> Iterable[int]:
    """Views after the views that they read."""
    reads = {view.relation: view.reads for view in snapshot.views if view.relation in own}
    done: dict[int, None] = {}
    for start in reads:
        stack = [(start, iter(reads[start]))]
        open_ = {start}
        while stack:
            view, below = stack[-1]
            following = next(
                (oid for oid in below if oid in reads and oid not in done and oid not in open_), None
            )
            if following is None:
                done[view] = None
                stack.pop()
            else:
                open_.add(following)
                stack.append((following, iter(reads[following])))
    return done


def _extended_statistics(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    for statistics in snapshot.extended_statistics:
        if statistics.relation in own and statistics.definition:
            name = qualified(statistics.schema, statistics.name)
            yield Step(statistics.definition, f"statistics {name}")


def _policies(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    names = {role.oid: identifier(role.name) for role in snapshot.roles} | {0: "PUBLIC"}
    for policy in snapshot.policies:
        if policy.relation not in own:
            continue
        table = snapshot.relation_by_oid[policy.relation].qualified
        head = _policy_head(policy, table, [names[role] for role in policy.roles if role in names])
        using = f" USING ({policy.using})" if policy.using is not None else ""
        check = f" WITH CHECK ({policy.check})" if policy.check is not None else ""
        yield Step(
            f"{head}{using}{check}",
            f"policy {policy.name} on {table}",
            instead=(f"{head}{_unknown_policy(policy)}",),
        )


def _policy_head(policy: Policy, table: str, roles: list[str]) -> str:
    mode = "PERMISSIVE" if policy.permissive else "RESTRICTIVE"
    return (
        f"CREATE POLICY {identifier(policy.name)} ON {table} AS {mode}"
        f" FOR {_COMMANDS[policy.command]} TO {', '.join(roles) or 'PUBLIC'}"
    )


def _unknown_policy(policy: Policy) -> str:
    call = f"{qualified(TWIN_SCHEMA, MISSING_POLICY)}()"
    return f" WITH CHECK ({call})" if policy.command == "a" else f" USING ({call})"
