"""How a table's rows are spread over tenants, by the statistics of its tenant column. Names no tenant."""

from __future__ import annotations

import msgspec

from tenfold.rules.subject import Subject, TenantTable


class Distribution(msgspec.Struct, frozen=True):
    #: Tenants that have rows, as the planner believes.
    tenants: float
    #: Tenants whose own frequency the planner knows.
    common: int
    #: Share of the rows that the largest of them has; 0 where none is common.
    largest_share: float

    @property
    def times_mean(self) -> float:
        """The largest tenant's rows over the mean tenant's."""
        return self.largest_share * self.tenants


def distribution(subject: Subject, table: TenantTable) -> Distribution | None:
    """None where the column was never analysed, or its statistics are hidden."""
    statistics = subject.snapshot.statistics_of(table.relation.oid, table.column.number)
    if statistics is None:
        return None
    frequencies = statistics.common_frequencies or ()
    distinct = statistics.n_distinct
    return Distribution(
        tenants=distinct if distinct >= 0 else -distinct * subject.rows(table.relation),
        common=len(frequencies),
        largest_share=max(frequencies, default=0.0),
    )
