"""A SECURITY DEFINER function looks names up in a path that its caller chooses.

## What it finds
Functions and procedures with SECURITY DEFINER whose `search_path` is not set on the function, or is set
without `pg_temp` at its end. P0 where the owner is a superuser or has BYPASSRLS and somebody else may call
it, else P1. A path of `pg_catalog` alone, or an empty one, is accepted: nothing but the system is found
without a schema. So is an SQL function with a `BEGIN ATOMIC` body, whose names were looked up when it was
created.

## Why it matters
The function runs with its owner's rights, in the caller's search path. A caller who makes an operator, a
function or a table of the right name in a schema of its own decides what runs with those rights. A temporary
table needs no right at all: unless `pg_temp` is named, it is searched first.

## How to fix
`ALTER FUNCTION ... SET search_path = pg_catalog, <its schema>, pg_temp`. A function that uses other schemas
without naming them needs those in the list too: look at its body before you apply it. A function with a SET
clause is not inlined into queries.

## When to ignore
Only roles with the owner's own rights may call it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from tenfold.model.ddl import identifier, qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy import SetFunctionSearchPath, Table
from tenfold.model.roles import Function, parse_acl_item
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject

ID = "definer-function-path"

_TEMPORARY = "pg_temp"


def check(subject: Subject) -> Iterator[Finding]:
    excluded = frozenset(subject.config.exclude_schemas)
    for function in subject.snapshot.functions:
        if not function.security_definer or function.extension is not None or function.schema in excluded:
            continue
        path = _path(function)
        if not _is_bound(function) and not _is_fixed(path):
            yield _finding(subject, function, path)


def _is_bound(function: Function) -> bool:
    """Whether its names were looked up when it was created: a BEGIN ATOMIC body has no source text."""
    return function.language == "sql" and not function.source


def _path(function: Function) -> tuple[str, ...] | None:
    """The schemas of the path that the function sets; None where it sets none."""
    for item in function.settings or ():
        name, _, value = item.partition("=")
        if name == "search_path":
            # Schema names, quoted as identifiers are, after commas.
            (schemas,) = csv.reader([value], skipinitialspace=True) if value else ([],)
            return tuple(schema for schema in schemas if schema)
    return None


def _is_fixed(path: tuple[str, ...] | None) -> bool:
    return path is not None and (set(path) <= {"pg_catalog"} or path[-1] == _TEMPORARY)


def _finding(subject: Subject, function: Function, path: tuple[str, ...] | None) -> Finding:
    owner = subject.snapshot.role_by_oid.get(function.owner)
    owner_name = owner.name if owner is not None else "its owner"
    above = subject.once(Privileges).passes_policies(function.owner)
    name = qualified(*((function.name,) if function.schema == "public" else (function.schema, function.name)))
    display = f"{name}({function.arguments})"
    kind = "PROCEDURE" if function.kind == "p" else "FUNCTION"
    fault = "sets no search_path" if path is None else f"does not end its search_path with {_TEMPORARY}"
    return Finding(
        rule=ID,
        priority=Priority.P0 if above and _is_callable_by_others(subject, function) else Priority.P1,
        object=display,
        message=f"SECURITY DEFINER {kind.lower()} {display} {fault}: its caller decides what runs with the "
        f"rights of {owner_name}",
        remedies=(
            SetFunctionSearchPath(
                table=Table(function.schema, function.name),
                arguments=function.arguments,
                search_path=_fixed(function, path),
                kind=kind,
            ),
        ),
    )


def _fixed(function: Function, path: tuple[str, ...] | None) -> str:
    schemas = ("pg_catalog", function.schema) if path is None else path
    kept = tuple(schema for schema in dict.fromkeys(schemas) if schema != _TEMPORARY)
    return ", ".join(identifier(schema) for schema in (*kept, _TEMPORARY))


def _is_callable_by_others(subject: Subject, function: Function) -> bool:
    # A trigger function is called for whoever writes to the table; a new function is PUBLIC's.
    if function.acl is None or function.result == "trigger":
        return True
    owner = subject.snapshot.role_by_oid.get(function.owner)
    grants = (parse_acl_item(item) for item in function.acl)
    return any("X" in grant.privileges and grant.grantee != (owner.name if owner else "") for grant in grants)
