"""Tables with their columns and checks, and how partitions and children hang together.

A partition is made as a table of its own, with its own keys and indexes under their own names, and attached
afterwards: the server then matches its indexes with those of the partitioned table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tenfold.model.ddl import identifier, literal, qualified
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.twin.schema.collations import BY_BYTES
from tenfold.twin.schema.step import Step

#: Names of sequences by the column that owns them: relation and attribute number.
Sequences: TypeAlias = Mapping[tuple[int | None, int | None], str]

#: Constraints written inside CREATE TABLE: primary, unique, exclusion, check.
_INLINE = "puxc"


def tables(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    """One CREATE TABLE each; where it is refused, one whose own types have no length or precision, since
    stand-ins for types take none; at last one without defaults, generation, collations and checks.

    An identity column takes its numbers from its sequence by DEFAULT: a partition cannot have one.
    """
    sequences = {(sequence.relation, sequence.column): sequence.qualified for sequence in snapshot.sequences}
    for relation in snapshot.relations:
        if relation.kind not in ("r", "p") or relation.oid not in own:
            continue
        yield Step(
            _create(snapshot, relation, sequences),
            f"table {relation.qualified}",
            instead=(
                _create(snapshot, relation, sequences, modified=False),
                _create(snapshot, relation, sequences, modified=False, whole=False),
            ),
        )


def attachments(snapshot: Snapshot, own: frozenset[int]) -> Iterator[Step]:
    """Partitions to their tables, inheriting tables to their parents; the deepest first."""
    depth = _depths(snapshot)
    for link in sorted(snapshot.inheritance, key=lambda link: -depth.get(link.child, 0)):
        child, parent = snapshot.relation_by_oid.get(link.child), snapshot.relation_by_oid.get(link.parent)
        if child is None or parent is None or child.oid not in own or child.kind == "f":
            continue
        if child.is_partition:
            sql = f"ALTER TABLE {parent.qualified} ATTACH PARTITION {child.qualified} {child.partition_bound}"
        else:
            sql = f"ALTER TABLE {child.qualified} INHERIT {parent.qualified}"
        yield Step(sql, f"place of {child.qualified} below {parent.qualified}")


def _create(
    snapshot: Snapshot,
    relation: Relation,
    sequences: Sequences,
    *,
    modified: bool = True,
    whole: bool = True,
) -> str:
    unsure = _unsure_of_null(snapshot, relation)
    items = [
        _column(column, sequences, modified=modified, whole=whole)
        + (" NOT NULL" if column.not_null and column.number not in unsure else "")
        for column in snapshot.columns_of(relation.oid)
    ]
    items += [
        f"CONSTRAINT {identifier(constraint.name)} {_inline(constraint)}"
        for constraint in snapshot.constraints_of(relation.oid)
        if constraint.kind in _INLINE and constraint.definition and (whole or constraint.kind != "c")
    ]
    partitioned = f" PARTITION BY {relation.partition_key}" if relation.kind == "p" else ""
    return f"CREATE TABLE {relation.qualified} ({', '.join(items)}){partitioned}"


def _unsure_of_null(snapshot: Snapshot, relation: Relation) -> frozenset[int]:
    """Columns whose NOT NULL is not validated: the planner does not rely on it."""
    return frozenset(
        number
        for constraint in snapshot.constraints_of(relation.oid)
        if constraint.kind == "n" and not constraint.validated
        for number in constraint.columns
    )


def _inline(constraint: Constraint) -> str:
    # CREATE TABLE takes no NOT VALID; the planner uses neither such a check nor one not enforced.
    return constraint.definition.removesuffix(" NOT VALID") + (
        " NOT ENFORCED" if not constraint.validated and constraint.enforced and constraint.kind == "c" else ""
    )


def _column(column: Column, sequences: Sequences, *, modified: bool, whole: bool) -> str:
    parts = [identifier(column.name), column.type if modified else _unmodified(column.type)]
    if column.collation is not None and (whole or column.collation in BY_BYTES):
        schema = column.collation_schema
        named = qualified(schema, column.collation) if schema else identifier(column.collation)
        parts.append(f"COLLATE {named}")
    if column.generated and column.default is not None and whole:
        # A column that is computed as it is read is replaced by its expression in every plan.
        kind = "VIRTUAL" if column.generated == "v" else "STORED"
        parts.append(f"GENERATED ALWAYS AS ({column.default}) {kind}")
    elif column.default is not None and not column.generated and whole:
        parts.append(f"DEFAULT {column.default}")
    if column.identity and whole and (sequence := sequences.get((column.relation, column.number))):
        parts.append(f"DEFAULT nextval({literal(sequence)})")
    return " ".join(parts)


def _unmodified(type_name: str) -> str:
    return re.sub(r"\([^()]*\)", "", type_name) if "." in type_name else type_name


def _depths(snapshot: Snapshot) -> dict[int, int]:
    depths: dict[int, int] = {}

    def depth(relation: int) -> int:
        if relation not in depths:
            depths[relation] = 1 + max(
                (depth(parent) for parent in snapshot.parents_of(relation)), default=-1
            )
        return depths[relation]

    for link in snapshot.inheritance:
        depth(link.child)
    return depths
