"""Holds a configuration against a database: a misspelt name must not pass in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tenfold.errors import ConfigError, EmptyDatabaseError, UsageError, did_you_mean
from tenfold.model.config import Config, Ignore
from tenfold.model.ddl import identifier, qualified
from tenfold.model.snapshot import Snapshot
from tenfold.rules.rule import find_rule

#: Of a role's name that differs from a known one by so little, it is taken for misspelt, not for planned.
_MISSPELT = 0.85


def check_config(snapshot: Snapshot, config: Config) -> tuple[str, ...]:
    """Warnings, a line each: of what may be right and does nothing as it is.

    Raises EmptyDatabaseError where nothing is left to judge, and ConfigError for a table or schema that is
    not there, a misspelt role, and an ignore that can match nothing or says no reason. Columns and the tenant
    table are checked where they are looked for.
    """
    _check_content(snapshot, config.exclude_schemas)
    _check_ignores(config.ignore)
    _check_schemas(snapshot, config.exclude_schemas)
    _check_tables(snapshot, config)
    return (
        *_absent_role(snapshot, config.tenancy.application_role),
        *_stale_ignores(snapshot, config.ignore),
    )


def _check_content(snapshot: Snapshot, exclude_schemas: Collection[str]) -> None:
    own = [relation.schema for relation in snapshot.relations if relation.extension is None]
    name = identifier(snapshot.database.name)
    if not own:
        raise EmptyDatabaseError(
            f"database {name} has no tables, so there is nothing to judge; "
            "name the one that you mean in the DSN"
        )
    if all(schema in exclude_schemas for schema in own):
        raise EmptyDatabaseError(
            f"database {name} has tables in excluded schemas only, so there is nothing to judge; "
            "correct exclude_schemas"
        )


def _check_ignores(ignores: Iterable[Ignore]) -> None:
    for ignore in ignores:
        try:
            find_rule(ignore.rule)
        except UsageError as error:
            raise ConfigError(f"[[ignore]]: {error.message}") from error
        if not ignore.reason.strip():
            raise ConfigError(f"[[ignore]] of {ignore.rule} says no reason; say why it is left out")


def _check_schemas(snapshot: Snapshot, names: Iterable[str]) -> None:
    known = {schema.name for schema in snapshot.schemas}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "; correct the name"
            raise ConfigError(f"exclude_schemas names {name!r}, and there is no such schema{hint}")


def _check_tables(snapshot: Snapshot, config: Config) -> None:
    known = {relation.name for relation in snapshot.relations}
    known |= {f"{relation.schema}.{relation.name}" for relation in snapshot.relations}
    for section, names in (
        ("operations_per_day", config.operations_per_day),
        ("personal_data", config.personal_data.tables),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(f"[{section}] names {name!r}, and there is no such table; correct the name")


def _absent_role(snapshot: Snapshot, name: str | None) -> Iterator[str]:
    """A role that is still to be made is named before it is there: only a misspelt one is an error."""
    if name is None or name in snapshot.role_by_name:
        return
    said = f"[tenancy] application_role names {name!r}, and there is no such role"
    hint = did_you_mean(name, snapshot.role_by_name, _MISSPELT)
    if hint:
        raise ConfigError(said + hint)
    yield f"{said}; create it or correct the name, until then nothing is judged or granted for it"


def _stale_ignores(snapshot: Snapshot, ignores: Iterable[Ignore]) -> Iterator[str]:
    named = [ignore for ignore in ignores if ignore.object is not None]
    known = _objects(snapshot) if named else frozenset()
    for ignore in named:
        # What is recorded of statements comes and goes, so their names prove nothing.
        if ignore.object not in known and find_rule(ignore.rule).group != "queries":
            hint = did_you_mean(ignore.object or "", known, _MISSPELT) or "; take the entry out"
            yield f"[[ignore]] of {ignore.rule} names {ignore.object!r}, and there is no such object{hint}"


def _objects(snapshot: Snapshot) -> frozenset[str]:
    """All that a finding can be about, named as in `Finding.object`, but for statements."""
    functions = (f"{_display(each.schema, each.name)}({each.arguments})" for each in snapshot.functions)
    return frozenset(
        [
            *(relation.display for relation in snapshot.relations),
            *(_display(sequence.schema, sequence.name) for sequence in snapshot.sequences),
            *functions,
            *snapshot.role_by_name,
            *map(identifier, snapshot.role_by_name),
            *snapshot.setting_by_name,
            identifier(snapshot.database.name),
            "pg_stat_statements",
        ]
    )


def _display(schema: str, name: str) -> str:
    return qualified(name) if schema == "public" else qualified(schema, name)
