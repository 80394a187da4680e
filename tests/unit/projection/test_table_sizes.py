"""Rows and bytes of tables at each point."""

from __future__ import annotations

import msgspec

from tenfold.model.relations import Inheritance
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.asking import Visit
from tenfold.projection.course import FactorCourse
from tenfold.projection.table_sizes import table_sizes
from tests.unit.rules.build import DATABASE, SERVER, index, table


def visits(*snapshots: Snapshot) -> list[Visit]:
    course = FactorCourse(snapshots[0], Tenancy(), range(1, len(snapshots) + 1))
    return [Visit(stop, snapshot, ()) for stop, snapshot in zip(course.stops, snapshots, strict=True)]


def database(*relations: object, **fields: object) -> Snapshot:
    return Snapshot(server=SERVER, database=DATABASE, relations=relations, **fields)  # type: ignore[arg-type]


def test_bytes_are_those_of_heap_toast_and_indexes() -> None:
    leads = table(1, "leads", rows=100.0, pages=9, size_bytes=80_000, toast_bytes=5_000)
    snapshot = database(leads, indexes=(index(1, 1, pages=3),))
    grown = msgspec.structs.replace(
        snapshot,
        relations=(msgspec.structs.replace(leads, rows=200.0, size_bytes=160_000),),
        indexes=(index(1, 1, pages=5, size_bytes=40_960),),
    )
    (found,) = table_sizes(visits(snapshot, grown))
    assert found.rows == (100.0, 200.0)
    assert found.heap_bytes == (80_000, 160_000)
    assert found.index_bytes == (3 * 8192, 40_960)
    assert found.total_bytes(1) == 160_000 + 5_000 + 40_960
    assert [each.bytes for each in found.indexes] == [(3 * 8192, 40_960)]


def test_a_partitioned_table_is_as_large_as_its_parts_and_they_are_not_listed() -> None:
    snapshot = database(
        table(1, "logs", kind="p"),
        *(
            table(oid, f"logs_{oid}", rows=10.0, pages=2, is_partition=True, size_bytes=16_384)
            for oid in (2, 3)
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 1)),
        indexes=(
            index(1, 1, oid=50, name="logs_key"),
            index(2, 1, oid=51, parent=50, pages=1),
            index(3, 1, oid=52, parent=50, pages=2),
        ),
    )
    (found,) = table_sizes(visits(snapshot))
    assert (found.name, found.rows, found.heap_bytes) == ("logs", (20.0,), (32_768,))
    assert [(each.name, each.bytes) for each in found.indexes] == [("logs_key", (3 * 8192,))]


def test_the_largest_at_the_end_comes_first() -> None:
    small, large = (
        table(1, "small", rows=1.0, size_bytes=8192),
        table(2, "large", rows=9.0, size_bytes=80_000),
    )
    assert [each.name for each in table_sizes(visits(database(small, large)))] == ["large", "small"]
