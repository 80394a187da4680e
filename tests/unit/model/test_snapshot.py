"""Look-ups of a snapshot that are more than a dictionary."""

from __future__ import annotations

from tenfold.model.relations import Inheritance
from tenfold.model.snapshot import Hidden, Snapshot
from tests.unit.rules.build import DATABASE, SERVER, constraint, table


def test_what_is_hidden_of_one_relation_is_seen_of_others() -> None:
    snapshot = Snapshot(server=SERVER, database=DATABASE, hidden=(Hidden("statistics", "no right", 7),))
    assert not snapshot.sees("statistics", 7)
    assert snapshot.sees("statistics", 8)
    assert snapshot.sees("statistics")
    assert snapshot.sees("sizes", 7)


def test_what_is_hidden_of_the_database_is_hidden_of_every_relation() -> None:
    snapshot = Snapshot(server=SERVER, database=DATABASE, hidden=(Hidden("statistics", "no right"),))
    assert not snapshot.sees("statistics")
    assert not snapshot.sees("statistics", 8)


def test_leaves_are_the_partitions_that_hold_rows() -> None:
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(
            table(1, kind="p"),
            table(2, kind="p", is_partition=True),
            table(3, is_partition=True),
            table(4, is_partition=True),
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 2), Inheritance(4, 1)),
    )
    assert snapshot.leaves_of(1) == (3, 4)
    assert snapshot.leaves_of(4) == ()


def test_foreign_keys_are_those_that_the_table_declares_and_the_server_enforces() -> None:
    declared = constraint(1, "f", 1, oid=10)
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        constraints=(
            declared,
            constraint(1, "f", 1, oid=11, parent=10),
            constraint(1, "f", 1, oid=12, enforced=False),
            constraint(1, "c", 1, oid=13),
        ),
    )
    assert snapshot.foreign_keys_of(1) == (declared,)
    assert snapshot.foreign_keys_of(2) == ()
