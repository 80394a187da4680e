"""How many values a column has: by its type, or as the statistics estimate it."""

from __future__ import annotations

from tenfold.model.relations import Column
from tenfold.rules.subject import Subject


def has_few_values(subject: Subject, column: Column) -> bool:
    """Whether a value leaves many rows: an enumeration, a boolean, or too few values by the statistics."""
    if column.type_kind == "e" or column.type == "boolean":
        return True
    values = distinct_values(subject, column)
    return values is not None and values < subject.thresholds.low_cardinality_values


def distinct_values(subject: Subject, column: Column) -> float | None:
    """Distinct values in the whole table, nulls aside; None without statistics."""
    statistics = subject.snapshot.statistics_of(column.relation, column.number)
    if statistics is None or statistics.n_distinct == 0:
        return None
    if statistics.n_distinct > 0:
        return statistics.n_distinct
    # Below zero it is a share of the rows (pg_stats.n_distinct).
    return -statistics.n_distinct * subject.rows(subject.snapshot.relation_by_oid[column.relation])
