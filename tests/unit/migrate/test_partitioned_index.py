"""An index on a partitioned table: declared, built on each partition, attached."""

from __future__ import annotations

import pytest

from tenfold.model.change import Lock
from tests.unit.migrate.schema import Made, by_verb, change_of, found, ids, wish


@pytest.fixture
def made() -> Made:
    """messages, with messages_1 and messages_2, the latter split further into messages_2_a."""
    database = Made()
    root = database.table(
        "messages", "id bigint", "team_id bigint", "sent date", kind="p", partition_key='RANGE (sent, "Team")'
    )
    database.partition(root, "messages_1")
    middle = database.partition(root, "messages_2", kind="p", partition_key="LIST (sent)")
    database.partition(middle, "messages_2_a")
    return database


def missing(*keys: str, **fields: object):
    return found("tenant-index-missing", "messages", wish("messages", *keys, **fields))


def test_every_table_of_the_tree_has_its_part(made: Made) -> None:
    plan = made.plan(missing("team_id"))
    assert ids(plan) == [
        "declare-index:public.messages:idx_messages_team_id",
        "create-index:public.messages_1:idx_messages_1_team_id",
        "create-index:public.messages_2_a:idx_messages_2_a_team_id",
        "attach-index:public.messages:idx_messages_team_id",
    ]
    declare, *parts, attach = plan.changes
    assert declare.sql == (
        "CREATE INDEX idx_messages_2_team_id ON ONLY public.messages_2 (team_id)",
        "CREATE INDEX idx_messages_team_id ON ONLY public.messages (team_id)",
    )
    assert declare.lock is Lock.SHARE
    assert all("CONCURRENTLY" in part.sql[0] and part.requires == (declare.id,) for part in parts)
    # From the bottom up: an index becomes valid, and can make its parent so, when all its parts are attached.
    assert attach.sql == (
        "ALTER INDEX public.idx_messages_2_team_id ATTACH PARTITION public.idx_messages_2_a_team_id",
        "ALTER INDEX public.idx_messages_team_id ATTACH PARTITION public.idx_messages_1_team_id",
        "ALTER INDEX public.idx_messages_team_id ATTACH PARTITION public.idx_messages_2_team_id",
    )
    assert not attach.transactional
    assert attach.undo == ("DROP INDEX IF EXISTS public.idx_messages_team_id",)
    assert set(attach.requires) == {declare.id, *(part.id for part in parts)}


def test_a_table_without_partitions_needs_no_more_than_the_declaration() -> None:
    made = Made()
    made.table("messages", "team_id bigint", kind="p")
    assert ids(made.plan(missing("team_id"))) == ["declare-index:public.messages:idx_messages_team_id"]


def test_a_foreign_table_among_the_partitions_rules_it_out(made: Made) -> None:
    made.partition(made.relations[0].oid, "messages_far", kind="f")
    plan = made.plan(missing("team_id"))
    assert plan.changes == ()
    assert plan.skipped[0].why == "a partition is a foreign table, which cannot have an index"


@pytest.mark.parametrize(
    ("key", "columns", "possible"),
    [
        ("RANGE (sent)", ("team_id", "sent"), True),
        ("RANGE (sent)", ("team_id",), False),
        ("LIST (team_id, sent)", ("team_id", "id"), False),
        ('LIST ("team_id")', ("team_id", "id"), True),
        ("HASH (date_trunc('day', sent))", ("team_id", "sent"), False),
    ],
)
def test_a_unique_index_must_include_the_partition_key(
    key: str, columns: tuple[str, ...], possible: bool
) -> None:
    made = Made()
    made.table("messages", "id bigint", "team_id bigint", "sent date", kind="p", partition_key=key)
    assert bool(made.plan(missing(*columns, unique=True)).changes) is possible


def test_a_partitions_own_index_goes_when_the_new_one_is_attached(made: Made) -> None:
    partition = made.relations[1].oid
    made.index(partition, "own", "team_id")
    made.index(partition, "own_unique", "team_id", unique=True)
    plan = made.plan(missing("team_id"))
    (drop,) = by_verb(plan, "drop-index")
    assert drop.id == "drop-index:public.messages_1:own"
    assert drop.requires == ("attach-index:public.messages:idx_messages_team_id",)


def test_a_drop_waits_for_the_whole(made: Made) -> None:
    old = made.index(made.relations[0].oid, "by_team", "team_id")
    plan = made.plan(missing("team_id", "sent"))
    drop = change_of(plan, "drop-index:public.messages:by_team")
    assert drop.requires == ("attach-index:public.messages:idx_messages_team_id_sent",)
    assert drop.sql == ("DROP INDEX public.by_team",)
    assert (drop.kind, drop.lock) == ("statement", Lock.ACCESS_EXCLUSIVE)
    assert drop.undo == (old.definition,)
