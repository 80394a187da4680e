"""A backfill as one SQL statement, for scripts that run without Tenfold.

A DO block that commits after each batch, which PostgreSQL allows since 11 where the block is not inside a
transaction. It walks the primary key, so that each batch finds its rows by the index.
"""

from __future__ import annotations

from tenfold.model.change import Backfill
from tenfold.model.ddl import dollar_quoted, identifier


def backfill_block(backfill: Backfill) -> str:
    """The statement; what ends it half-way loses one batch, and running it again goes on."""
    table, rows = backfill.table_sql, backfill.batch_rows
    columns = [identifier(column) for column in backfill.key_columns]
    child = ", ".join(f"child.{column}" for column in columns)
    # Behind the block's label no column of the table can be meant.
    low = [f"walk.low_{number}" for number, _ in enumerate(columns, start=1)]
    high = [f"walk.high_{number}" for number, _ in enumerate(columns, start=1)]
    above, below = f"({child}) >= ({', '.join(low)})", f"({child}) < ({', '.join(high)})"
    declared = "".join(
        f"    {variable.removeprefix('walk.')} {table}.{column}%TYPE;\n"
        for variables in (low, high)
        for variable, column in zip(variables, columns, strict=True)
    )
    forward = "".join(f"        {to} := {by};\n" for to, by in zip(low, high, strict=True))
    body = f"""
<<walk>>
DECLARE
{declared}BEGIN
    SELECT {child} INTO {", ".join(low)} FROM {table} AS child ORDER BY {child} LIMIT 1;
    LOOP
        SELECT {child} INTO {", ".join(high)} FROM {table} AS child
         WHERE {above} ORDER BY {child} OFFSET {rows} LIMIT 1;
        EXIT WHEN NOT FOUND;
        {backfill.update} AND {above} AND {below};
        COMMIT;
{forward}    END LOOP;
    {backfill.update} AND {above};
END
"""
    return f"DO {dollar_quoted(body)}"
