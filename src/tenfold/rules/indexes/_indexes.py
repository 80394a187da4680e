"""What rules about indexes share: which they judge, what an index is needed for, how big it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tenfold.model.ddl import identifier, qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Column, Index, Relation
from tenfold.model.remedy import DropIndex
from tenfold.rules.coverage import is_usable, leads_with, serves_equality
from tenfold.rules.subject import Subject, table_of

_MB = 1_000_000


def judged_by_table(subject: Subject, *, parts: bool = False) -> Sequence[tuple[Relation, Sequence[Index]]]:
    """Valid indexes of the user's tables and materialized views.

    The parts of a partitioned index, which come and go with it, are among them only where they are asked for.
    """
    return subject.once(_with_parts if parts else _without_parts)


def judged_indexes(subject: Subject) -> Sequence[tuple[Relation, Index]]:
    """The same, one by one."""
    return subject.once(_one_by_one)


def finding(
    rule: str, relation: Relation, index: Index, message: str, *, priority: Priority = Priority.P2
) -> Finding:
    """A verdict about an index, filed under its table."""
    return Finding(
        rule=rule,
        priority=priority,
        object=relation.display,
        detail=index.name,
        relation=relation.oid,
        message=message,
    )


def drop(relation: Relation, index: Index) -> DropIndex:
    return DropIndex(
        table=table_of(relation),
        name=index.name,
        definition=index.definition,
        partitioned=relation.kind == "p",
    )


def drop_statement(relation: Relation, index: Index) -> str:
    """As advice: what the user runs after a look at who needs the index."""
    how = "" if relation.kind == "p" else "CONCURRENTLY "
    return f"DROP INDEX {how}{qualified(relation.schema, index.name)}"


def spoken(index: Index) -> str:
    return f"index {identifier(index.name)}"


def lone_column(subject: Subject, index: Index) -> Column | None:
    """The column of a B-tree with one key over all rows; None for any other index."""
    if index.method != "btree" or index.key_count != 1 or index.predicate is not None:
        return None
    return subject.snapshot.column_by_number.get((index.relation, index.columns[0]))


def only_index_for(subject: Subject, relation: Relation, index: Index) -> str | None:
    """What would be searched without an index if this one went: the tenant column or a foreign key."""
    others = [
        other
        for other in subject.snapshot.indexes_of(relation.oid)
        if other is not index and is_usable(other)
    ]
    tenant = subject.tenant_column_of.get(relation.oid)
    if (
        tenant is not None
        and leads_with(index, tenant.number)
        and not any(leads_with(other, tenant.number) for other in others)
    ):
        return "the tenant column"
    for constraint in subject.snapshot.constraints_of(relation.oid):
        if (
            constraint.kind == "f"
            and serves_equality(index, constraint.columns)
            and not any(serves_equality(other, constraint.columns) for other in others)
        ):
            return f"foreign key {identifier(constraint.name)}"
    return None


def bytes_of(subject: Subject, index: Index) -> int:
    """Its size now, or by the last vacuum where it could not be read; of a partitioned index, its parts'."""
    block = block_size(subject)
    return sum(
        part.size_bytes if part.size_bytes is not None else part.pages * block
        for part in parts_of(subject, index)
    )


def block_size(subject: Subject) -> int:
    """Bytes of a page."""
    return int(subject.snapshot.setting("block_size") or 8192)


def parts_of(subject: Subject, index: Index) -> Iterator[Index]:
    """What stores the entries of an index: itself, or the indexes on the partitions."""
    children = subject.once(_children).get(index.oid)
    if children is None:
        yield index
        return
    for child in children:
        yield from parts_of(subject, child)


def megabytes(count: float) -> str:
    return f"{count / _MB:,.1f} MB"


def _with_parts(subject: Subject) -> Sequence[tuple[Relation, Sequence[Index]]]:
    found = (
        (relation, [each for each in subject.snapshot.indexes_of(relation.oid) if each.valid and each.ready])
        for relation in subject.relations
    )
    return [(relation, indexes) for relation, indexes in found if indexes]


def _without_parts(subject: Subject) -> Sequence[tuple[Relation, Sequence[Index]]]:
    found = (
        (relation, [index for index in indexes if index.parent is None])
        for relation, indexes in subject.once(_with_parts)
    )
    return [(relation, indexes) for relation, indexes in found if indexes]


def _one_by_one(subject: Subject) -> Sequence[tuple[Relation, Index]]:
    return [(relation, index) for relation, indexes in subject.once(_without_parts) for index in indexes]


def _children(subject: Subject) -> dict[int, list[Index]]:
    found: dict[int, list[Index]] = {}
    for index in subject.snapshot.indexes:
        if index.parent is not None:
            found.setdefault(index.parent, []).append(index)
    return found
