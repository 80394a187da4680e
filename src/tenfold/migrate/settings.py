"""Changes of options and rights: statistics, storage options, roles, views, functions, grants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.estimate import BRIEF, scan_estimate
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.ddl import identifier, qualified
from tenfold.model.relations import Relation
from tenfold.model.remedy import (
    GrantTable,
    RevokeTable,
    SetFunctionSearchPath,
    SetRoleSetting,
    SetStatistics,
    SetTableOptions,
    SetViewInvoker,
    Table,
)
from tenfold.model.remedy_sql import statements
from tenfold.model.roles import Function, parse_acl_item

_LETTERS = {
    "SELECT": "r",
    "INSERT": "a",
    "UPDATE": "w",
    "DELETE": "d",
    "TRUNCATE": "D",
    "REFERENCES": "x",
    "TRIGGER": "t",
    "MAINTAIN": "m",
}


# --- phase settings ----------------------------------------------------------------------------------


def set_statistics(draft: Draft, wish: Wish[SetStatistics]) -> None:
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    column = identifier(remedy.column)
    draft.change(
        wish,
        "set-statistics",
        relation,
        remedy.column,
        "scan",
        Phase.SETTINGS,
        title=f"Collect statistics of {relation.display}.{column}, {_target(remedy)}",
        done=probes.asks(*_collected(draft, remedy, relation)),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(remedy),
        undo=(f"ALTER TABLE {remedy.table.sql} ALTER COLUMN {column} SET STATISTICS {remedy.old_target}",)
        if remedy.target != remedy.old_target
        else (),
        estimate=scan_estimate(draft.subject, relation),
        requires=draft.fillers(remedy.table, [remedy.column]),
    )


def _target(remedy: SetStatistics) -> str:
    if remedy.target < 0:
        return "in the default detail"
    return f"for up to {remedy.target:,} common values"


def _collected(draft: Draft, remedy: SetStatistics, relation: Relation) -> Iterable[str]:
    """A new target comes with its ANALYZE in one transaction; where it stays, the ANALYZE itself tells."""
    yield probes.statistics_target(remedy.table, remedy.column, remedy.target)
    if remedy.target != remedy.old_target:
        return
    analysed = probes.analysed_since(remedy.table, draft.snapshot.server.now)
    column = draft.snapshot.column(relation.oid, remedy.column)
    known = column is None or draft.snapshot.statistics_of(relation.oid, column.number) is not None
    yield analysed if known else probes.either(probes.statistics_exist(remedy.table, remedy.column), analysed)


def set_table_options(draft: Draft, wishes: Iterable[Wish[SetTableOptions]]) -> None:
    """One change a table; where two wishes name the same option, the more urgent one decides."""
    tables: defaultdict[Table, list[Wish[SetTableOptions]]] = defaultdict(list)
    for wish in wishes:
        tables[wish.remedy.table].append(wish)
    for table, its in sorted(tables.items()):
        options: dict[str, str] = {}
        for wish in sorted(its, key=lambda wish: wish.priority):
            for name, value in wish.remedy.options:
                options.setdefault(name, value)
        _set_options(draft, draft.relation(table), its[0].shared_with(*its[1:]), options)


def _set_options(
    draft: Draft, relation: Relation, wish: Wish[SetTableOptions], options: dict[str, str]
) -> None:
    table = wish.remedy.table
    before = {name: relation.option(name) for name in options}
    restored = ", ".join(f"{name} = {value}" for name, value in before.items() if value is not None)
    spoken = ", ".join(f"{name} = {value}" for name, value in options.items())
    unset = ", ".join(name for name, value in before.items() if value is None)
    draft.change(
        wish,
        "set-options",
        relation,
        None,
        "statement",
        Phase.SETTINGS,
        title=f"Set {spoken} on {relation.display}",
        done=probes.asks(probes.options_set(table, options.items())),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(SetTableOptions(table=table, options=tuple(options.items()))),
        undo=tuple(
            f"ALTER TABLE {table.sql} {verb} ({what})"
            for verb, what in (("SET", restored), ("RESET", unset))
            if what
        ),
        estimate=BRIEF,
    )


def set_role_setting(draft: Draft, wish: Wish[SetRoleSetting]) -> None:
    remedy = wish.remedy
    if remedy.role not in draft.snapshot.role_by_name:
        raise draft.missing(f"role {identifier(remedy.role)}")
    where = f"ALTER ROLE {identifier(remedy.role)} IN DATABASE {identifier(remedy.database)}"
    before = msgspec.structs.replace(remedy, value=remedy.old) if remedy.old is not None else None
    draft.add(
        Change(
            id=f"set-role:{identifier(remedy.role)}:{remedy.setting}",
            kind="statement",
            phase=Phase.SETTINGS,
            priority=wish.priority,
            object=identifier(remedy.role),
            title=f"Set {remedy.setting} = {remedy.value} for {identifier(remedy.role)} in this database",
            done=probes.asks(probes.role_setting(remedy.role, remedy.database, remedy.setting, remedy.value)),
            lock=Lock.NONE,
            sql=statements(remedy),
            undo=statements(before) if before is not None else (f"{where} RESET {remedy.setting}",),
            estimate=BRIEF,
            findings=wish.findings,
            note="sessions that are connected keep what they have",
        )
    )


# --- phase isolation ---------------------------------------------------------------------------------


def set_view_invoker(draft: Draft, wish: Wish[SetViewInvoker]) -> None:
    table = wish.remedy.table
    relation = draft.relation(table)
    if not draft.capabilities.has("security_invoker"):
        what = f"security_invoker on view {relation.display}"
        draft.skip(wish, what, "it needs PostgreSQL 15; have a role own the view that policies bind")
        return
    before = relation.option("security_invoker")
    draft.change(
        wish,
        "view-invoker",
        relation,
        None,
        "statement",
        Phase.ISOLATION,
        title=f"Have view {relation.display} read with the rights of who asks",
        done=probes.asks(probes.options_set(table, [("security_invoker", "true")])),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=statements(wish.remedy),
        undo=(
            f"ALTER VIEW {table.sql} "
            + ("RESET (security_invoker)" if before is None else f"SET (security_invoker = {before})"),
        ),
        estimate=BRIEF,
        note="who reads the view then needs rights on what it reads",
    )


def set_function_search_path(draft: Draft, wish: Wish[SetFunctionSearchPath]) -> None:
    remedy = wish.remedy
    named = draft.functions_named(remedy.table.schema, remedy.table.name)
    function = next((each for each in named if each.arguments == remedy.arguments), None)
    if function is None:
        raise draft.missing(f"function {remedy.table.sql}({remedy.arguments})")
    before = _setting(function, "search_path")
    alter = f"ALTER {remedy.kind} {function.qualified}"
    name = qualified(*((function.name,) if function.schema == "public" else (function.schema, function.name)))
    draft.add(
        Change(
            id=f"search-path:{function.qualified}",
            kind="statement",
            phase=Phase.ISOLATION,
            priority=wish.priority,
            object=f"{name}({function.arguments})",
            title=f"Fix the search_path of {name}({function.arguments})",
            done=probes.asks_deparsed(
                probes.function_search_path(
                    remedy.table, remedy.arguments if len(named) > 1 else None, before
                )
            ),
            lock=Lock.NONE,
            sql=statements(remedy),
            undo=(f"{alter} RESET search_path" if before is None else f"{alter} SET search_path = {before}",),
            estimate=BRIEF,
            findings=wish.findings,
            note="names in its body that the new path does not lead to must be written with their schema",
        )
    )


def _setting(function: Function, name: str) -> str | None:
    for item in function.settings or ():
        key, _, value = item.partition("=")
        if key == name:
            return value
    return None


def grant_table(draft: Draft, wish: Wish[GrantTable]) -> None:
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    name = remedy.table.sql
    draft.change(
        wish,
        "grant",
        relation,
        remedy.role,
        "statement",
        Phase.ISOLATION,
        title=f"Grant {', '.join(remedy.privileges)} on {relation.display} to {identifier(remedy.role)}",
        done=probes.asks(probes.holds(remedy.role, (("table", name, each) for each in remedy.privileges))),
        lock=Lock.NONE,
        sql=statements(remedy),
        undo=statements(RevokeTable(table=remedy.table, role=remedy.role, privileges=remedy.privileges)),
        estimate=BRIEF,
    )


def revoke_table(draft: Draft, wish: Wish[RevokeTable]) -> None:
    """Its undo grants back just what was granted."""
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    grantee = None if remedy.role == "public" else remedy.role
    held = {
        letter
        for grant in map(parse_acl_item, relation.acl or ())
        if grant.grantee == grantee
        for letter in grant.privileges
    }
    taken = tuple(name for name in remedy.privileges if _LETTERS[name] in held)
    if not taken:
        draft.skip(wish, f"revoke on {relation.display} from {remedy.role}", "nothing is granted")
        return
    role = "PUBLIC" if grantee is None else identifier(grantee)
    draft.change(
        wish,
        "revoke",
        relation,
        remedy.role,
        "statement",
        Phase.ISOLATION,
        title=f"Revoke {', '.join(taken)} on {relation.display} from {role}",
        done=probes.asks(probes.negated(probes.granted(remedy.table, remedy.role, taken))),
        lock=Lock.NONE,
        sql=statements(RevokeTable(table=remedy.table, role=remedy.role, privileges=taken)),
        undo=(f"GRANT {', '.join(taken)} ON {remedy.table.sql} TO {role}",),
        estimate=BRIEF,
    )
