"""Changes that build, rebuild and drop indexes, from the consolidated wishes of each table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.consolidate import (
    Build,
    Need,
    Removal,
    consolidate,
    existing_indexes,
    is_plain,
    spoken,
)
from tenfold.migrate.draft import Draft
from tenfold.migrate.drop_index import drop_index
from tenfold.migrate.estimate import build_estimate, scan_estimate
from tenfold.migrate.index_name import index_name
from tenfold.migrate.index_shape import covers, shape_of_index
from tenfold.migrate.partitioned_index import build_partitioned
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Lock, Phase
from tenfold.model.ddl import identifier, qualified
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import CreateIndex, DropIndex, RebuildIndex, Table
from tenfold.model.remedy_sql import statements

_REBUILD = "rebuild-index"


def plan_indexes(
    draft: Draft,
    creates: Sequence[Wish[CreateIndex]],
    drops: Sequence[Wish[DropIndex]],
    rebuilds: Sequence[Wish[RebuildIndex]],
) -> dict[CreateIndex, str]:
    """Adds the changes for all index wishes of all tables; returns the change that makes each new index."""
    rebuilt: defaultdict[Table, list[RebuildIndex]] = defaultdict(list)
    for wish in rebuilds:
        if _rebuild(draft, wish):
            rebuilt[wish.remedy.table].append(wish.remedy)
    built: dict[CreateIndex, str] = {}
    for table, (its_creates, its_drops) in _by_table(creates, drops).items():
        built |= _plan_table(draft, table, its_creates, its_drops, rebuilt[table])
    return built


def _by_table(
    creates: Iterable[Wish[CreateIndex]], drops: Iterable[Wish[DropIndex]]
) -> dict[Table, tuple[list[Wish[CreateIndex]], list[Wish[DropIndex]]]]:
    tables: defaultdict[Table, tuple[list[Wish[CreateIndex]], list[Wish[DropIndex]]]] = defaultdict(
        lambda: ([], [])
    )
    for create in creates:
        tables[create.remedy.table][0].append(create)
    for drop in drops:
        tables[drop.remedy.table][1].append(drop)
    return dict(sorted(tables.items()))


def _plan_table(
    draft: Draft,
    table: Table,
    creates: list[Wish[CreateIndex]],
    drops: list[Wish[DropIndex]],
    rebuilds: Sequence[RebuildIndex],
) -> dict[CreateIndex, str]:
    relation = draft.relation(table)
    existing = existing_indexes(draft.snapshot, relation.oid, rebuilds)
    serving = {each.index.name for each in existing}
    possible = []
    for drop in drops:
        index = _index(draft, relation, drop.remedy)
        obstacle = _obstacle(draft, index)
        if obstacle is not None:
            draft.skip(drop, f"drop of {identifier(index.name)}", obstacle)
        elif index.name in serving:
            possible.append(drop)
        else:  # an invalid one serves nobody
            _drop(draft, relation, Removal(drop, index), {})
    decision = consolidate(existing, _needs(draft, relation), creates, possible)
    for left_out in decision.left_out:
        draft.skip(left_out.wish, left_out.what, left_out.why)
    # By name of the keys, so that numbered names fall alike in every plan.
    built = {}
    for build in sorted(decision.builds, key=lambda build: tuple(key.sql for key in build.shape.keys)):
        change = _build(draft, relation, build)
        if change is not None:
            built[build.wish.remedy] = change
    for removal in decision.removals:
        _drop(draft, relation, removal, built)
    return built


def _needs(draft: Draft, relation: Relation) -> list[Need]:
    """The tenant column, and the columns of every foreign key."""
    snapshot = draft.snapshot
    needs = []
    tenant = draft.subject.tenant_column_of.get(relation.oid)
    if tenant is not None:
        needs.append(Need(frozenset({tenant.name}), "the tenant column"))
    for constraint in snapshot.constraints_of(relation.oid):
        if constraint.kind == "f" and constraint.columns:
            columns = frozenset(snapshot.column_names(relation.oid, constraint.columns))
            needs.append(Need(columns, f"the foreign key {identifier(constraint.name)}"))
    return needs


# --- building ----------------------------------------------------------------------------------------


def _build(draft: Draft, relation: Relation, build: Build) -> str | None:
    """The id of the change after which the index serves; None where it cannot be built."""
    wish = build.wish
    for column in wish.remedy.columns:
        draft.column(wish.remedy.table, column)  # raises where it is missing
    if relation.kind == "p":
        return build_partitioned(draft, relation, build)
    name = index_name(draft, relation, wish.remedy)
    remedy = msgspec.structs.replace(wish.remedy, name=name)
    return draft.change(
        wish,
        "create-index",
        relation,
        name,
        "build",
        Phase.INDEXES,
        title=f"Build {'unique ' if remedy.unique else ''}index {identifier(name)} on {spoken(build.shape)}",
        done=probes.asks(probes.index_valid(remedy.table, name)),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(remedy),
        undo=(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(relation.schema, name)}",),
        transactional=False,
        index=(relation.schema, name),
        estimate=build_estimate(draft.subject, relation, remedy),
        requires=draft.fillers(remedy.table, remedy.columns),
    )


def _rebuild(draft: Draft, wish: Wish[RebuildIndex]) -> bool:
    """Whether it will be rebuilt."""
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    index = _index(draft, relation, remedy)
    if _is_left_of_a_drop(draft, index):
        drop = DropIndex(table=remedy.table, name=index.name, definition=index.definition)
        drop_index(draft, relation, wish.of(drop), index, [])
        return False
    if index.exclusion:
        why = "REINDEX CONCURRENTLY does not do exclusion constraints; rebuild it in a maintenance window"
        draft.skip(wish, f"rebuild of {identifier(index.name)}", why)
        return False
    size = index.size_bytes or 0
    draft.change(
        wish,
        _REBUILD,
        relation,
        index.name,
        "build",
        Phase.INDEXES,
        title=f"Rebuild index {identifier(index.name)} on {relation.display}",
        # A rebuilt index has another oid: the new one takes the old one's name.
        done=probes.asks(probes.index_valid(remedy.table, index.name, f"indexrelid <> {index.oid}")),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(remedy),
        transactional=False,
        index=(relation.schema, index.name),
        estimate=scan_estimate(draft.subject, relation),
        note=f"needs room for a second copy meanwhile, at most {size / 1e6:,.1f} MB" if size else None,
    )
    return True


def _is_left_of_a_drop(draft: Draft, index: Index) -> bool:
    """An invalid index that a valid one makes redundant: its drop was broken off, or it is not worth it."""
    if index.valid or not is_plain(index):
        return False
    shape = shape_of_index(draft.snapshot, index)
    return any(
        other.valid and other.ready and covers(shape_of_index(draft.snapshot, other), shape)
        for other in draft.snapshot.indexes_of(index.relation)
    )


# --- dropping ----------------------------------------------------------------------------------------


def _drop(
    draft: Draft,
    relation: Relation,
    removal: Removal,
    built: dict[CreateIndex, str],
) -> None:
    wish, index = removal.wish, removal.index
    waits = [_change_id(draft, each, built) for each in removal.after]
    if None in waits:
        draft.skip(wish, f"drop of {identifier(index.name)}", "what takes its place cannot be built")
        return
    drop_index(draft, relation, wish, index, [each for each in waits if each is not None])


def _change_id(
    draft: Draft, awaited: CreateIndex | RebuildIndex, built: dict[CreateIndex, str]
) -> str | None:
    if isinstance(awaited, CreateIndex):
        return built.get(awaited)
    change = f"{_REBUILD}:{awaited.table.sql}:{identifier(awaited.name)}"
    return change if change in draft.changes else None


def _obstacle(draft: Draft, index: Index) -> str | None:
    """Why the server would not drop it, or should not."""
    if index.constraint is not None:
        return "it belongs to a constraint; drop that"
    if index.parent is not None:
        return "it is a part of a partitioned index; drop that"
    if index.replica_identity:
        return "logical replication tells rows apart by it"
    if index.oid in draft.referenced:
        return "a foreign key refers to its columns"
    return None


def _index(draft: Draft, relation: Relation, remedy: DropIndex | RebuildIndex) -> Index:
    """The index that a remedy names; raises UsageError where the snapshot has none."""
    for index in draft.snapshot.indexes_of(relation.oid):
        if index.name == remedy.name:
            return index
    raise draft.missing(f"index {qualified(relation.schema, remedy.name)}")
