"""Holds a configuration against a database: a misspelt name must not pass in silence."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.errors import ConfigError, UsageError
from tenfold.model.config import Config, Ignore
from tenfold.model.snapshot import Snapshot
from tenfold.rules.rule import find_rule


def check_config(snapshot: Snapshot, config: Config) -> None:
    """Raises ConfigError for a table that is not there, and for an ignore that can match nothing or says no
    reason. Columns and the tenant table are checked where they are looked for.
    """
    _check_ignores(config.ignore)
    _check_tables(snapshot, config)


def _check_ignores(ignores: Iterable[Ignore]) -> None:
    for ignore in ignores:
        try:
            find_rule(ignore.rule)
        except UsageError as error:
            raise ConfigError(f"[[ignore]]: {error.message}") from error
        if not ignore.reason.strip():
            raise ConfigError(f"[[ignore]] of {ignore.rule} says no reason; say why it is left out")


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
