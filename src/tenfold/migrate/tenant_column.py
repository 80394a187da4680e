"""Gives a child table its tenant column while an application that does not know of it goes on writing.

The column comes with triggers that copy the tenant from the parent wherever the application leaves it null,
or moves a row to another parent; so rows written during and after the backfill have it, and NOT NULL breaks
nothing. A composite foreign key then holds each row to its parent's tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tenfold.migrate import probes
from tenfold.migrate.draft import AddedColumn, Draft
from tenfold.migrate.estimate import BRIEF, backfill_estimate, column_width
from tenfold.migrate.mark import mark
from tenfold.migrate.not_null import BEFORE_ITS_PARENT, not_null_id, set_not_null
from tenfold.migrate.resume import has_key, key_columns
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Backfill, Lock, Phase
from tenfold.model.ddl import dollar_quoted, fit, identifier, names, qualified
from tenfold.model.relations import Column, Relation
from tenfold.model.remedy import AddForeignKey, AddTenantColumn, Remedy, SetNotNull, Table
from tenfold.model.roles import parse_acl_item
from tenfold.rules.foreign_keys import deferral, free_constraint_name, is_key
from tenfold.rules.isolation import isolate_by
from tenfold.rules.subject import table_of

_COLUMN_LIST = "set_null_columns"
#: MaxHeapAttributeNumber in src/include/access/htup_details.h; dropped columns keep their numbers.
_MOST_COLUMNS = 1600
_ISOLATION_RULE = "tenant-rls-off"


def parents_first(wishes: Iterable[Wish[AddTenantColumn]]) -> list[Wish[AddTenantColumn]]:
    """In such an order that a table comes after the one that its tenant is copied from."""
    waiting = {wish.remedy.table: wish for wish in wishes}
    ordered: list[Wish[AddTenantColumn]] = []

    def visit(wish: Wish[AddTenantColumn]) -> None:
        parent = waiting.pop(wish.remedy.parent, None)
        if parent is not None:
            visit(parent)
        ordered.append(wish)

    while waiting:
        visit(waiting.pop(min(waiting)))
    return ordered


def add_tenant_column(draft: Draft, wish: Wish[AddTenantColumn]) -> Iterator[Wish[Remedy]]:
    """Adds the column and the backfill, as far as they are not done; yields what else the table then needs.

    Raises UsageError where the finding names what the snapshot does not have.
    """
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    there = draft.snapshot.column(relation.oid, remedy.column)
    for column in (*remedy.foreign_columns, *remedy.key_columns):
        draft.column(remedy.table, column)
    if (why := _impossible(draft, remedy, relation)) is not None:
        draft.skip(wish, f"column {identifier(remedy.column)} of {relation.display}", why)
        return
    if there is None or not there.not_null:
        added = [_add_column(draft, wish, relation)] if there is None else []
        filled = _backfill(draft, wish, relation, added)
        draft.added_columns[remedy.table] = AddedColumn(remedy.table, remedy.column, remedy.type, filled)
        _not_null(draft, wish, relation)
    for key in _foreign_keys(draft, wish, relation):
        yield wish.of(key)
    if there is not None:  # then the audit has seen what index and policies the table lacks
        return
    yield wish.of(draft.subject.create_index(relation, remedy.column))
    isolation = _wish_for_isolation(draft, wish, relation)
    for part in isolate_by(draft.subject, relation, remedy.column, remedy.type):
        yield isolation.of(part)


def _impossible(draft: Draft, remedy: AddTenantColumn, relation: Relation) -> str | None:
    """Why the table cannot get the column, or it cannot be filled; None where it can."""
    if not remedy.key_columns:
        return "the backfill walks the primary key, and the table has none"
    if not draft.has_column(remedy.parent, remedy.parent_tenant_column):
        parent = draft.relation(remedy.parent).display
        return f"{parent}, from which it would be filled, has no {identifier(remedy.parent_tenant_column)}"
    if not draft.has_column(remedy.table, remedy.column):
        for each in (relation, *draft.subject.storage_of(relation)):
            if _is_full(draft, each):
                return (
                    f"{each.display} has {_MOST_COLUMNS:,} columns, dropped ones included, and PostgreSQL "
                    "allows no more; split the table"
                )
    return None


def _is_full(draft: Draft, relation: Relation) -> bool:
    numbers = [column.number for column in draft.snapshot.columns_of(relation.oid)]
    return max(numbers, default=0) >= _MOST_COLUMNS


# --- the column and its triggers ---------------------------------------------------------------------


def _add_column(draft: Draft, wish: Wish[AddTenantColumn], relation: Relation) -> str:
    remedy = wish.remedy
    table, column = remedy.table.sql, identifier(remedy.column)
    function = qualified(relation.schema, _function_name(draft, relation, remedy.column))
    on_insert, on_update = _trigger_names(draft, relation, remedy.column)
    moved = (
        f"({_row('NEW', remedy.foreign_columns)}) IS DISTINCT FROM ({_row('OLD', remedy.foreign_columns)}) "
        f"AND NEW.{column} IS NOT DISTINCT FROM OLD.{column}"
    )
    return draft.change(
        wish,
        "add-column",
        relation,
        remedy.column,
        "statement",
        Phase.KEYS,
        title=f"Add {column} to {relation.display}, and triggers that fill it in new rows",
        done=probes.asks(
            probes.column_exists(remedy.table, remedy.column),
            probes.trigger_exists(remedy.table, on_insert),
            probes.trigger_exists(remedy.table, on_update),
        ),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=(
            f"ALTER TABLE {table} ADD COLUMN {column} {remedy.type}",
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
            f"AS {dollar_quoted(_body(remedy))}",
            f"CREATE TRIGGER {identifier(on_insert)} BEFORE INSERT ON {table} FOR EACH ROW "
            f"WHEN (NEW.{column} IS NULL) EXECUTE FUNCTION {function}()",
            f"CREATE TRIGGER {identifier(on_update)} BEFORE UPDATE ON {table} FOR EACH ROW "
            f"WHEN (NEW.{column} IS NULL OR {moved}) EXECUTE FUNCTION {function}()",
        ),
        undo=(
            f"DROP TRIGGER {identifier(on_update)} ON {table}",
            f"DROP TRIGGER {identifier(on_insert)} ON {table}",
            f"DROP FUNCTION {function}()",
            f"ALTER TABLE {table} DROP COLUMN {column}",
        ),
        estimate=BRIEF,
        requires=draft.fillers(remedy.parent, [remedy.parent_tenant_column]),
        note=_rights_note(draft, wish, relation),
    )


def _body(remedy: AddTenantColumn) -> str:
    """Leaves the column as it is where the parent is not found: its foreign key then refuses the row."""
    found = " AND ".join(
        f"parent.{identifier(there)} = NEW.{identifier(here)}"
        for here, there in zip(remedy.foreign_columns, remedy.parent_columns, strict=True)
    )
    return f"""
{mark(remedy)}
DECLARE
    tenant {remedy.type};
BEGIN
    SELECT parent.{identifier(remedy.parent_tenant_column)} INTO tenant
      FROM {remedy.parent.sql} AS parent WHERE {found};
    IF tenant IS NOT NULL THEN
        NEW.{identifier(remedy.column)} := tenant;
    END IF;
    RETURN NEW;
END
"""


def _row(variable: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{variable}.{identifier(column)}" for column in columns)


def _function_name(draft: Draft, relation: Relation, column: str) -> str:
    taken: set[str] = set()
    while draft.functions_named(relation.schema, name := fit(f"{relation.name}_{column}_fill", taken)):
        taken.add(name)
    return name


def _trigger_names(draft: Draft, relation: Relation, column: str) -> tuple[str, str]:
    """Names that sort last: triggers fire by name, and others may set the foreign key."""
    taken = {each.name for each in draft.snapshot.triggers_of(relation.oid)}
    return fit(f"zz_fill_{column}_insert", taken), fit(f"zz_fill_{column}_update", taken)


def _rights_note(draft: Draft, wish: Wish[AddTenantColumn], relation: Relation) -> str:
    parent = draft.relation(wish.remedy.parent)
    note = f"who writes {relation.display} must be able to read {parent.display}"
    blind = sorted(_grantees(relation, "a") - _grantees(parent, "r"))
    if blind:
        note += f", which these may not yet: {', '.join(blind)}"
    return f"{note}; drop the triggers once the application writes the column itself"


def _grantees(relation: Relation, privilege: str) -> set[str]:
    grants = (parse_acl_item(item) for item in relation.acl or ())
    return {grant.grantee or "PUBLIC" for grant in grants if privilege in grant.privileges}


# --- filling it --------------------------------------------------------------------------------------


def _backfill(draft: Draft, wish: Wish[AddTenantColumn], relation: Relation, added: list[str]) -> str:
    remedy = wish.remedy
    column, source = identifier(remedy.column), identifier(remedy.parent_tenant_column)
    pairs = list(zip(remedy.foreign_columns, remedy.parent_columns, strict=True))
    joined = " AND ".join(f"child.{identifier(here)} = parent.{identifier(there)}" for here, there in pairs)
    whole = f"{joined} AND child.{column} IS NULL AND parent.{source} IS NOT NULL"
    return draft.change(
        wish,
        "backfill",
        relation,
        remedy.column,
        "backfill",
        Phase.KEYS,
        title=f"Fill {relation.display}.{column} from {draft.relation(remedy.parent).display}",
        done=probes.asks(
            probes.either(
                probes.column_not_null(remedy.table, remedy.column),
                probes.both(probes.column_exists(remedy.table, remedy.column), f"NOT {_pending(remedy)}"),
            )
        ),
        lock=Lock.ROW_EXCLUSIVE,
        transactional=False,
        backfill=Backfill(
            table_sql=remedy.table.sql,
            key_columns=remedy.key_columns,
            update=f"UPDATE {remedy.table.sql} AS child SET {column} = parent.{source} "
            f"FROM {remedy.parent.sql} AS parent WHERE {whole}",
            pending=f"child.{column} IS NULL AND EXISTS "
            f"(SELECT FROM {remedy.parent.sql} AS parent WHERE {whole})",
        ),
        estimate=backfill_estimate(draft.subject, relation, column_width(remedy.type)),
        requires=[*added, *draft.fillers(remedy.parent, [remedy.parent_tenant_column])],
        note=_trigger_note(draft, relation),
    )


def _pending(remedy: AddTenantColumn) -> str:
    """Whether a row is unfilled whose parent has a tenant; the query is valid without the columns, too.

    A name that a table does not have is looked for one query further out, and found in `absent`.
    """
    ours, theirs = identifier(remedy.column), identifier(remedy.parent_tenant_column)
    absent = ", ".join(f"NULL::text AS {name}" for name in dict.fromkeys((ours, theirs)))
    keys = [f"key_{number}" for number, _ in enumerate(remedy.foreign_columns)]
    labels = ", ".join([*keys, "tenant"])
    here = ", ".join([*map(identifier, remedy.foreign_columns), ours])
    there = ", ".join([*map(identifier, remedy.parent_columns), theirs])
    joined = " AND ".join(f"child.{key} = parent.{key}" for key in keys)
    return (
        f"EXISTS (SELECT FROM (SELECT {absent}) AS absent WHERE EXISTS ("
        f"SELECT FROM (SELECT {here} FROM {remedy.table.sql}) AS child ({labels}),"
        f" (SELECT {there} FROM {remedy.parent.sql}) AS parent ({labels})"
        f" WHERE {joined} AND child.tenant IS NULL AND parent.tenant IS NOT NULL))"
    )


def _trigger_note(draft: Draft, relation: Relation) -> str | None:
    fired = sorted(
        trigger.name
        for trigger in draft.snapshot.triggers_of(relation.oid)
        if trigger.enabled != "D" and " UPDATE " in trigger.definition
    )
    return f"each row may fire the table's own triggers: {', '.join(fired)}" if fired else None


# --- what holds it -----------------------------------------------------------------------------------


def _not_null(draft: Draft, wish: Wish[AddTenantColumn], relation: Relation) -> None:
    """Only where every row surely has a parent with a tenant."""
    remedy = wish.remedy
    optional = [name for name in remedy.foreign_columns if not _is_set(draft, remedy.table, name)]
    what = f"NOT NULL on {relation.display}.{identifier(remedy.column)}"
    if optional:
        why = f"{optional[0]} may be null, and a row without a parent has no tenant"
        draft.skip(wish, what, why)
    elif remedy.deferral:
        draft.skip(wish, what, BEFORE_ITS_PARENT)
    elif not _is_set(draft, remedy.parent, remedy.parent_tenant_column):
        parent = draft.relation(remedy.parent).display
        why = f"{parent}.{identifier(remedy.parent_tenant_column)}, from which it is filled, may be null"
        draft.skip(wish, what, why)
    else:
        above = not_null_id(remedy.parent, remedy.parent_tenant_column)
        own = wish.of(SetNotNull(table=remedy.table, column=remedy.column))
        set_not_null(draft, own, draft.planned([above]))


def _is_set(draft: Draft, table: Table, name: str) -> bool:
    """Whether the column is NOT NULL, now or by the plan."""
    column = draft.column(table, name)
    known = isinstance(column, Column) and column.not_null
    return known or not_null_id(table, name) in draft.changes


def _foreign_keys(draft: Draft, wish: Wish[AddTenantColumn], relation: Relation) -> Iterator[AddForeignKey]:
    """The composite key to the parent; where it lets nulls through, one to the tenant table besides."""
    remedy = wish.remedy
    tenant_table = draft.subject.tenancy.tenant_table
    columns, target = key_columns(remedy)
    action = _on_delete(draft, remedy)
    if has_key(draft, relation, remedy):
        return
    if action is None:
        what = f"foreign key ({names(columns)}) of {relation.display}"
        draft.skip(wish, what, "ON DELETE SET NULL for some of the columns needs PostgreSQL 15")
    else:
        yield AddForeignKey(
            table=remedy.table,
            name=free_constraint_name(draft.subject, relation, *columns),
            columns=columns,
            parent=remedy.parent,
            parent_columns=target,
            on_delete=action,
            # Where the parent moves to another tenant, its rows go with it, as they did before.
            on_update="CASCADE",
            deferral=remedy.deferral,
        )
    loose = action is None or not _is_set(draft, remedy.table, remedy.column)
    if loose and tenant_table is not None and draft.relation(remedy.parent).oid != tenant_table:
        yield from _to_tenant_table(draft, wish, relation, draft.snapshot.relation_by_oid[tenant_table])


def _on_delete(draft: Draft, remedy: AddTenantColumn) -> str | None:
    """What the key to the parent does, leaving the tenant alone; None where the server cannot say so."""
    if not remedy.on_delete.startswith("SET "):
        return remedy.on_delete
    if not draft.capabilities.has(_COLUMN_LIST):
        return None
    return f"{remedy.on_delete} ({names(remedy.foreign_columns)})"


def _to_tenant_table(
    draft: Draft, wish: Wish[AddTenantColumn], relation: Relation, tenants: Relation
) -> Iterator[AddForeignKey]:
    key = draft.subject.tenant_column_of.get(tenants.oid)
    if key is not None and is_key(draft.snapshot, tenants.oid, frozenset({key.number})):
        yield AddForeignKey(
            table=wish.remedy.table,
            name=free_constraint_name(draft.subject, relation, wish.remedy.column),
            columns=(wish.remedy.column,),
            parent=table_of(tenants),
            parent_columns=(key.name,),
            deferral=_latest(draft, wish.remedy, tenants),
        )


def _latest(draft: Draft, remedy: AddTenantColumn, tenants: Relation) -> str:
    """As late as a row may come before its parent, or the parent before its tenant."""
    parent = draft.relation(remedy.parent)
    above = [
        deferral(key)
        for key in draft.snapshot.foreign_keys_of(parent.oid)
        if key.foreign_relation == tenants.oid
        and draft.snapshot.column_names(parent.oid, key.columns) == (remedy.parent_tenant_column,)
    ]
    # `DEFERRABLE INITIALLY DEFERRED` says more than `DEFERRABLE`.
    return max([remedy.deferral, *above], key=len)


def _wish_for_isolation(
    draft: Draft, wish: Wish[AddTenantColumn], relation: Relation
) -> Wish[AddTenantColumn]:
    """Wanted by the findings that the table has no row-level security, and as urgent as they are."""
    asking = [
        Wish(wish.remedy, finding.priority, (finding.key,))
        for finding in draft.findings_about(relation)
        if finding.rule == _ISOLATION_RULE
    ]
    return asking[0].shared_with(*asking[1:]) if asking else wish
