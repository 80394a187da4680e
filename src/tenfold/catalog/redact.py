"""Takes out of a snapshot what is data rather than schema, and keeps what plans depend on.

Most common values, histogram bounds and common elements are replaced by their rank, so that number, order,
frequencies, widths and correlation stay. Combinations of columns and bounds of ranges go. Labels of enums and
booleans stay: they are schema. Statements lose their constants and comments, and the settings that an
application gave a role or the database under names of its own (`app.jwt_secret`) their values.
Definitions (defaults, checks, views, policies, functions) and comments on objects are schema and stay.
"""

from __future__ import annotations

import msgspec

from tenfold.catalog.constants import strip_constants
from tenfold.model.activity import Statement
from tenfold.model.relations import Column, ColumnStatistics, ExtendedStatisticsData
from tenfold.model.snapshot import Snapshot

#: Stands for the value of a setting that is not told.
TAKEN_OUT = "?"


def redact_snapshot(snapshot: Snapshot) -> Snapshot:
    """The snapshot without values of rows and without constants of statements."""
    if snapshot.redacted:
        return snapshot
    modules = _modules(snapshot)
    replace = msgspec.structs.replace
    return replace(
        snapshot,
        statistics=tuple(
            row if _is_schema(snapshot.column_by_number.get((row.relation, row.number))) else _ranks(row)
            for row in snapshot.statistics
        ),
        extended_statistics_data=tuple(map(_without_combinations, snapshot.extended_statistics_data)),
        expression_statistics=tuple(map(_ranks, snapshot.expression_statistics)),
        statements=tuple(_without_constants(statement) for statement in snapshot.statements),
        database=replace(snapshot.database, settings=_masked_items(snapshot.database.settings, modules)),
        roles=tuple(replace(role, settings=_masked_items(role.settings, modules)) for role in snapshot.roles),
        redacted=True,
    )


# --- statistics and statements ---


def _is_schema(column: Column | None) -> bool:
    # An index's expression has statistics too, and no column.
    return column is not None and (column.type_kind == "e" or column.type == "boolean")


def _ranks(row: ColumnStatistics) -> ColumnStatistics:
    return msgspec.structs.replace(
        row,
        common_values=_rank(row.common_values),
        histogram=_rank(row.histogram),
        common_elements=_rank(row.common_elements),
        range_lengths=None,
        empty_range_frac=None,
        range_bounds=None,
    )


def _without_combinations(data: ExtendedStatisticsData) -> ExtendedStatisticsData:
    """Ranks would not say which values of the columns belong together."""
    return msgspec.structs.replace(
        data, common_values=None, common_frequencies=None, common_base_frequencies=None
    )


def _rank(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(position) for position in range(len(values)))


def _without_constants(statement: Statement) -> Statement:
    return msgspec.structs.replace(statement, text=strip_constants(statement.text))


# --- settings ---


def _modules(snapshot: Snapshot) -> frozenset[str]:
    """Prefixes of settings that the server's modules define: their values are configuration."""
    preloaded = snapshot.setting("shared_preload_libraries") or ""
    return snapshot.extension_names | {"plpgsql"} | {name.strip() for name in preloaded.split(",")}


def _masked_items(items: tuple[str, ...] | None, modules: frozenset[str]) -> tuple[str, ...] | None:
    return None if items is None else tuple(_masked_item(item, modules) for item in items)


def _masked_item(item: str, modules: frozenset[str]) -> str:
    name, _, value = item.partition("=")
    return f"{name}={TAKEN_OUT}" if value and _is_made_up(name, modules) else item


def _is_made_up(name: str, modules: frozenset[str]) -> bool:
    prefix, dot, _ = name.partition(".")
    return bool(dot) and prefix not in modules
