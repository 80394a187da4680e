"""A sequence is running out of numbers.

## What it finds
A sequence that has used up more than half of its range, or of the range of the column that owns it.
Sequences that begin again (`CYCLE`) are left out, and so are those whose column is part of a primary key
and as narrow as the sequence: those are `pk-int-exhaustion`.

## Why it matters
`nextval` fails at the end of the range, and with it every insert. `serial` makes the sequence as narrow as
the column; widening the column later leaves the sequence as it was, and the column then looks safe.

## How to fix
```sql
ALTER SEQUENCE invoices_number_seq AS bigint;
```
This changes one row of the catalog and waits only for sessions that hold the sequence. Where the column is
narrower than the sequence, the column must be widened too, which rewrites its table.

## When to ignore
A sequence that is meant to end.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier, qualified
from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Sequence
from tenfold.rules.column_types import largest_integer, retype
from tenfold.rules.schema._ranges import exhaustion_priority
from tenfold.rules.subject import Subject

ID = "sequence-exhaustion"


def check(subject: Subject) -> Iterator[Finding]:
    for sequence in subject.snapshot.sequences:
        if sequence.last_value is None or sequence.cycle or not _is_judged(subject, sequence):
            continue
        column = _owner(subject, sequence)
        used = _used(sequence, column)
        if used >= subject.thresholds.key_exhaustion_warn and not _is_narrow_key(subject, sequence, column):
            yield _finding(subject, sequence, column, used)


def _is_judged(subject: Subject, sequence: Sequence) -> bool:
    return sequence.extension is None and sequence.schema not in subject.config.exclude_schemas


def _owner(subject: Subject, sequence: Sequence) -> Column | None:
    if sequence.relation is None or sequence.column is None:
        return None
    return subject.snapshot.column_by_number.get((sequence.relation, sequence.column))


def _used(sequence: Sequence, column: Column | None) -> float:
    """The share of the numbers that were given, from 0 to 1 and above where the column is full."""
    if sequence.increment < 0:
        first, last = sequence.maximum, sequence.minimum
    else:
        of_column = largest_integer(column.type) if column else None
        first, last = sequence.minimum, min(sequence.maximum, of_column or sequence.maximum)
    return ((sequence.last_value or 0) - first) / (last - first) if last != first else 1.0


def _is_narrow_key(subject: Subject, sequence: Sequence, column: Column | None) -> bool:
    """Whether pk-int-exhaustion reports the column: then the sequence is not what is too small."""
    limit = largest_integer(column.type) if column else None
    if column is None or limit is None or column.type == "bigint" or limit > sequence.maximum:
        return False
    key = subject.snapshot.primary_key_of(column.relation)
    return key is not None and column.number in key.columns


def _finding(subject: Subject, sequence: Sequence, column: Column | None, used: float) -> Finding:
    name = qualified(sequence.name) if sequence.schema == "public" else sequence.qualified
    table = subject.snapshot.relation_by_oid[column.relation] if column else None
    of_column = f" of {table.display}.{identifier(column.name)} ({column.type})" if table and column else ""
    return Finding(
        rule=ID,
        priority=exhaustion_priority(subject, used),
        object=name,
        relation=sequence.relation,
        message=f"{name}{of_column} has given {used:.0%} of its numbers: after the last, nextval fails",
        advice=tuple(_advice(subject, sequence, column)),
    )


def _advice(subject: Subject, sequence: Sequence, column: Column | None) -> Iterator[str]:
    if column is not None and column.type in ("integer", "smallint"):
        table = subject.snapshot.relation_by_oid[column.relation]
        yield from retype(subject.snapshot, table, column, "bigint")
    if sequence.type != "bigint":
        yield f"ALTER SEQUENCE {sequence.qualified} AS bigint"
