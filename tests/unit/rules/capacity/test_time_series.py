"""Logs, queues, and tables that are neither, by their columns."""

from __future__ import annotations

import pytest

from tenfold.model.relations import Column
from tenfold.rules.capacity._time_series import time_series
from tests.unit.rules.build import subject, table


def column(
    number: int, name: str, type: str = "timestamp with time zone", *, not_null: bool = True
) -> Column:
    category = "D" if type.startswith(("timestamp", "date", "time")) else "N"
    return Column(
        relation=1,
        number=number,
        name=name,
        type=type,
        type_oid=1,
        type_kind="b",
        type_category=category,
        not_null=not_null,
    )


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([column(1, "created_at")], ("created_at", None)),
        ([column(1, "createdAt")], ("createdAt", None)),
        ([column(1, "sent_at"), column(2, "occurred_at", "date")], ("occurred_at", None)),
        # Of two, the one that says when the row was written.
        ([column(1, "timestamp"), column(2, "created_at")], ("created_at", None)),
        ([column(1, "created_at"), column(2, "run_at")], ("created_at", "run_at")),
        ([column(1, "created_at"), column(2, "run_at", not_null=False)], ("created_at", None)),
        ([column(1, "created_at"), column(2, "updated_at")], None),
        ([column(1, "created_at", "bigint")], None),
        ([column(1, "time", "time without time zone")], None),
        ([column(1, "birth_date", "date")], None),
        ([], None),
    ],
)
def test_the_shape_is_read_from_the_columns(
    columns: list[Column], expected: tuple[str, str | None] | None
) -> None:
    relation = table(1)
    found = time_series(subject(relations=(relation,), columns=tuple(columns)), relation)
    assert (found and (found.written.name, found.due and found.due.name)) == expected
