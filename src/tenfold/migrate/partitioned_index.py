"""An index on a partitioned table, built without blocking writes: declared, built part by part, attached.

CREATE INDEX CONCURRENTLY cannot be used on the partitioned table itself. An index declared with ON ONLY is
not valid until every partition's is attached to it; partitions created meanwhile get theirs at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.consolidate import Build, is_plain, spoken
from tenfold.migrate.draft import Draft
from tenfold.migrate.drop_index import drop_index
from tenfold.migrate.estimate import BRIEF, BRIEF_SECONDS, build_estimate
from tenfold.migrate.index_name import index_name
from tenfold.migrate.index_shape import covers, shape_of_index
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Estimate, Lock, Phase
from tenfold.model.ddl import identifier, qualified
from tenfold.model.finding import Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy import CreateIndex, DropIndex, Table
from tenfold.model.remedy_sql import statements
from tenfold.rules.subject import table_of


class _Node(msgspec.Struct, frozen=True):
    """One table of the partition tree and the name of its index."""

    relation: Relation
    index: str
    children: tuple[_Node, ...] = ()

    @property
    def table(self) -> Table:
        return table_of(self.relation)

    @property
    def index_sql(self) -> str:
        return qualified(self.relation.schema, self.index)

    def walk(self) -> Iterator[_Node]:
        """Children before their parent."""
        for child in self.children:
            yield from child.walk()
        yield self


def build_partitioned(draft: Draft, relation: Relation, build: Build) -> str | None:
    """Adds the changes; returns the id of the one that makes the index valid, or None where it cannot be."""
    obstacle = _obstacle(draft, relation, build.wish.remedy)
    if obstacle is not None:
        draft.skip(build.wish, f"index on {spoken(build.shape)}", obstacle)
        return None
    root = _tree(draft, relation, build)
    declared = _declare(draft, root, build)
    parts = [_build_part(draft, node, build, declared) for node in root.walk() if node.relation.kind == "r"]
    if not root.children:
        return declared
    attached = _attach(draft, root, build, [declared, *parts])
    for node in root.walk():
        _drop_redundant(draft, node, build, attached)
    return attached


def _obstacle(draft: Draft, relation: Relation, remedy: CreateIndex) -> str | None:
    if any(part.kind == "f" for part in _below(draft, relation)):
        return "a partition is a foreign table, which cannot have an index"
    if remedy.unique and not _partition_columns(relation) <= {key.column for key in remedy.keys}:
        return "a unique index on a partitioned table must include the partition key"
    return None


def _below(draft: Draft, relation: Relation) -> Iterator[Relation]:
    for child in draft.snapshot.children_of(relation.oid):
        part = draft.snapshot.relation_by_oid[child]
        yield part
        yield from _below(draft, part)


def _partition_columns(relation: Relation) -> set[str]:
    """Names in `RANGE (created_at, "Id")`; an expression is no column's name, and so never included."""
    inside = (relation.partition_key or "").partition("(")[2].removesuffix(")")
    quoted = re.findall(r'"((?:[^"]|"")*)"|([^,]+)', inside)
    return {
        (name.replace('""', '"') if name else bare.strip()) for name, bare in quoted if name or bare.strip()
    }


def _tree(draft: Draft, relation: Relation, build: Build) -> _Node:
    remedy = build.wish.remedy
    children = sorted(
        (draft.snapshot.relation_by_oid[child] for child in draft.snapshot.children_of(relation.oid)),
        key=lambda part: (part.schema, part.name),
    )
    named = msgspec.structs.replace(
        remedy, table=table_of(relation), name=remedy.name if relation.kind == "p" else None
    )
    return _Node(
        relation=relation,
        index=index_name(draft, relation, named, built=relation.kind == "r"),
        children=tuple(_tree(draft, child, build) for child in children),
    )


def _declare(draft: Draft, root: _Node, build: Build) -> str:
    parents = [node for node in root.walk() if node.relation.kind == "p"]
    wish = build.wish
    return draft.change(
        wish,
        "declare-index",
        root.relation,
        root.index,
        "statement",
        Phase.INDEXES,
        title=f"Declare index {identifier(root.index)} on {spoken(build.shape)}, without its partitions",
        done=probes.asks(*(probes.index_exists(node.table, node.index) for node in parents)),
        lock=Lock.SHARE,
        sql=tuple(_only(_remedy(node, wish.remedy)) for node in parents),
        undo=tuple(f"DROP INDEX IF EXISTS {node.index_sql}" for node in reversed(parents)),
        estimate=BRIEF,
        requires=draft.fillers(root.table, wish.remedy.columns),
    )


def _build_part(draft: Draft, node: _Node, build: Build, declared: str) -> str:
    remedy = _remedy(node, build.wish.remedy)
    return draft.change(
        build.wish,
        "create-index",
        node.relation,
        node.index,
        "build",
        Phase.INDEXES,
        title=f"Build index {identifier(node.index)} on partition {node.relation.display}",
        done=probes.asks(probes.index_valid(node.table, node.index)),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(remedy),
        undo=(f"DROP INDEX CONCURRENTLY IF EXISTS {node.index_sql}",),
        transactional=False,
        index=(node.relation.schema, node.index),
        estimate=build_estimate(draft.subject, node.relation, remedy),
        requires=[declared],
    )


def _attach(draft: Draft, root: _Node, build: Build, requires: list[str]) -> str:
    links = [(node, child) for node in root.walk() for child in node.children]
    return draft.change(
        build.wish,
        "attach-index",
        root.relation,
        root.index,
        "statement",
        Phase.INDEXES,
        title=f"Attach the partitions' indexes to {identifier(root.index)}",
        done=probes.asks(probes.index_valid(root.table, root.index)),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=tuple(
            f"ALTER INDEX {node.index_sql} ATTACH PARTITION {child.index_sql}" for node, child in links
        ),
        # An attached index cannot be detached: the whole goes at once, whatever was attached with it.
        undo=(f"DROP INDEX IF EXISTS {root.index_sql}",),
        transactional=False,
        estimate=Estimate(seconds=BRIEF_SECONDS * len(links), lock_seconds=BRIEF_SECONDS),
        requires=requires,
        note="the lock is on each partition's new index, one after the other; attaching twice does nothing",
    )


def _drop_redundant(draft: Draft, node: _Node, build: Build, attached: str) -> None:
    """A partition's own index that the new one replaces. Attached in its stead, it could not be detached."""
    shape = msgspec.structs.replace(build.shape, table=node.table)
    for index in draft.snapshot.indexes_of(node.relation.oid):
        if index.name == node.index or not index.valid or not is_plain(index):
            continue
        if covers(shape, shape_of_index(draft.snapshot, index)):
            remedy = DropIndex(table=node.table, name=index.name, definition=index.definition)
            drop_index(draft, node.relation, Wish(remedy, Priority.P2), index, [attached])


def _remedy(node: _Node, wished: CreateIndex) -> CreateIndex:
    return msgspec.structs.replace(wished, table=node.table, name=node.index, partitions=())


def _only(remedy: CreateIndex) -> str:
    """The statement with ON ONLY, and not concurrently, which the server does not do here."""
    (statement,) = statements(remedy)
    verb, name = f"CREATE {'UNIQUE ' if remedy.unique else ''}INDEX", identifier(remedy.index_name)
    return f"{verb} {name} ON ONLY {statement.removeprefix(f'{verb} CONCURRENTLY {name} ON ')}"
