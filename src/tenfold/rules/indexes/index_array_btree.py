"""A B-tree index has an array among its keys.

## What it finds
B-tree indexes, other than unique and constraint-backing ones, with a column of an array type among their
keys.

## Why it matters
A B-tree compares arrays as wholes: it answers `tags = '{a,b}'` and sorts by the whole array. It cannot
answer what arrays are there for, `'a' = ANY (tags)`, `tags @> '{a}'` or `tags && '{a,b}'`: those read the
whole table, beside an index that looks as if it served them.

## How to fix
```sql
CREATE INDEX CONCURRENTLY conversation_labels_keywords_gin ON conversation_labels USING gin (keywords);
DROP INDEX CONCURRENTLY conversation_labels_keywords_idx;
```
A GIN index holds each element once; `@>`, `<@` and `&&` use it, `= ANY` does not, so that the statement
says `tags @> ARRAY[$1]` instead. None of these operators is leakproof: for a role that row-level security
binds the server does not search a GIN index by them, and a table of its own for the elements is the better
form.

## When to ignore
Arrays that are compared as wholes, such as a path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from tenfold.model.ddl import fit, names
from tenfold.model.finding import Finding
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import CreateIndex, Key
from tenfold.model.remedy_sql import statements
from tenfold.rules.coverage import is_tied
from tenfold.rules.indexes._indexes import drop_statement, finding, judged_indexes, spoken
from tenfold.rules.subject import Subject, table_of

ID = "index-array-btree"


def check(subject: Subject) -> Iterator[Finding]:
    numbers = _arrays(subject)
    for relation, index in judged_indexes(subject):
        keys = numbers.get(relation.oid)
        if keys and index.method == "btree" and not is_tied(index):
            found = [number for number in index.key_columns if number in keys]
            if found:
                yield _finding(subject, relation, index, subject.snapshot.column_names(relation.oid, found))


def _arrays(subject: Subject) -> Mapping[int, set[int]]:
    """Numbers of the columns that hold arrays, by relation."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for column in subject.snapshot.columns:
        if column.type_category == "A":
            found[column.relation].add(column.number)
    return found


def _finding(subject: Subject, relation: Relation, index: Index, arrays: tuple[str, ...]) -> Finding:
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} is a B-tree on the array {names(arrays)}: no search for an "
        "element can use it",
    )
    alone = len(index.columns) == 1
    advice = [] if _has_gin(subject, index, arrays) else [_gin(subject, relation, index, arrays)]
    advice += [drop_statement(relation, index)] if alone else []
    return msgspec.structs.replace(verdict, advice=tuple(advice))


def _has_gin(subject: Subject, index: Index, arrays: tuple[str, ...]) -> bool:
    return any(
        other.method == "gin"
        and other.valid
        and set(arrays) <= set(subject.snapshot.column_names(index.relation, other.key_columns))
        for other in subject.snapshot.indexes_of(index.relation)
    )


def _gin(subject: Subject, relation: Relation, index: Index, arrays: tuple[str, ...]) -> str:
    taken = frozenset(other.name for other in subject.snapshot.indexes_of(relation.oid))
    created = CreateIndex(
        table=table_of(relation),
        keys=tuple(Key(column=name) for name in arrays),
        method="gin",
        where=index.predicate,
        name=fit(f"{relation.name}_{'_'.join(arrays)}_gin", taken),
    )
    return statements(created)[0]
