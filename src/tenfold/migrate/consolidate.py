"""Which of the wished-for indexes of a table are worth building, and which unwanted ones may go; pure.

An index that an existing one serves is not built, nor one that another new one covers. An index is dropped
only where what makes it redundant, or takes its place, is there or is built before; never where it is the
last to serve the tenant column or a foreign key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from tenfold.migrate.index_shape import Shape, covers, serves_equality, shape_of_index, shape_of_wish
from tenfold.migrate.wishes import Wish
from tenfold.model.ddl import identifier
from tenfold.model.finding import Priority
from tenfold.model.relations import Index
from tenfold.model.remedy import CreateIndex, DropIndex, RebuildIndex
from tenfold.model.snapshot import Snapshot
from tenfold.rules.coverage import is_tied

#: Rules that call an index redundant beside another. Other rules that drop one have another reason.
REDUNDANCY_RULES = frozenset({"index-duplicate", "index-prefix-redundant"})


class Existing(msgspec.Struct, frozen=True):
    """An index of the database that serves: now, once the plan has rebuilt it, or once its build ends."""

    index: Index
    shape: Shape
    state: Literal["valid", "to be rebuilt", "being built"]
    rebuild: RebuildIndex | None = None


class Need(msgspec.Struct, frozen=True):
    """Columns by which the table must stay searchable, and for what."""

    columns: frozenset[str]
    why: str


class Build(msgspec.Struct, frozen=True):
    wish: Wish[CreateIndex]
    shape: Shape


class Removal(msgspec.Struct, frozen=True):
    wish: Wish[DropIndex]
    index: Index
    #: What must be there before.
    after: tuple[CreateIndex | RebuildIndex, ...] = ()


class LeftOut(msgspec.Struct, frozen=True):
    wish: Wish[CreateIndex] | Wish[DropIndex]
    what: str
    why: str


class Decision(msgspec.Struct, frozen=True):
    builds: tuple[Build, ...]
    removals: tuple[Removal, ...]
    left_out: tuple[LeftOut, ...]


#: Index wishes of one table.
Creates: TypeAlias = Sequence[Wish[CreateIndex]]
Drops: TypeAlias = Sequence[Wish[DropIndex]]


def consolidate(
    existing: Sequence[Existing], needs: Sequence[Need], creates: Creates, drops: Drops
) -> Decision:
    """Decides on the index wishes of one table. Every dropped index must be among the existing ones."""
    left_out: list[LeftOut] = []
    going = {wish.remedy.name: wish for wish in drops}
    while True:
        kept = [each for each in existing if each.index.name not in going]
        builds, spared = _choose(kept, creates)
        rescue = _rescue(existing, kept, builds, needs, going)
        if rescue is None:
            break
        name, why = rescue
        left_out.append(LeftOut(going.pop(name), f"drop of {identifier(name)}", why))
    by_name = {each.index.name: each for each in existing}
    removals = [
        Removal(wish, by_name[name].index, _before(by_name[name], wish, kept, builds, needs))
        for name, wish in going.items()
    ]
    removals += _made_redundant(kept, builds)
    return Decision(tuple(builds), tuple(removals), (*spared, *left_out))


def existing_indexes(snapshot: Snapshot, relation: int, rebuilds: Iterable[RebuildIndex]) -> list[Existing]:
    """The relation's indexes that serve, or will."""
    rebuilt = {remedy.name: remedy for remedy in rebuilds}
    building = {build.index for build in snapshot.index_builds}
    found = []
    for index in snapshot.indexes_of(relation):
        shape = shape_of_index(snapshot, index)
        if index.valid and index.ready:
            found.append(Existing(index, shape, "valid"))
        elif index.oid in building:
            found.append(Existing(index, shape, "being built"))
        elif index.name in rebuilt:
            found.append(Existing(index, shape, "to be rebuilt", rebuilt[index.name]))
    return found


def spoken(shape: Shape) -> str:
    """The index as a title says it: `messages (team_id, status)`."""
    keys = ", ".join(_spoken_key(key.column, key.expression, key.descending) for key in shape.keys)
    table = identifier(shape.table.name) if shape.table.schema == "public" else shape.table.sql
    return f"{table} ({keys})" + (f" where {shape.where}" if shape.where else "")


def _spoken_key(column: str | None, expression: str | None, descending: bool) -> str:
    return (identifier(column) if column is not None else f"({expression})") + (" desc" if descending else "")


# --- what is built -----------------------------------------------------------------------------------


def _choose(kept: Sequence[Existing], creates: Creates) -> tuple[list[Build], list[LeftOut]]:
    """The wishes worth building, each with the findings of those it covers; and the others."""
    spared: list[LeftOut] = []
    builds: list[Build] = []
    # The longest first, so that whatever covers another is met before it; the unique before its plain twin.
    for wish in sorted(creates, key=_breadth, reverse=True):
        shape = shape_of_wish(wish.remedy)
        what = f"index on {spoken(shape)}"
        server = next((each for each in kept if covers(each.shape, shape)), None)
        if server is not None:
            spared.append(LeftOut(wish, what, f"{identifier(server.index.name)} {_SERVES[server.state]}"))
            continue
        at = next((at for at, build in enumerate(builds) if covers(build.shape, shape)), None)
        if at is None:
            builds.append(Build(wish, shape))
            continue
        wider = builds[at]
        merged = Wish(wider.wish.remedy, wish.priority, wish.findings).shared_with(wider.wish)
        builds[at] = Build(merged, wider.shape)
        spared.append(LeftOut(wish, what, f"the new index on {spoken(wider.shape)} covers it"))
    return builds, spared


_SERVES = {
    "valid": "serves it",
    "to be rebuilt": "will serve it when it is rebuilt",
    "being built": "is being built and will serve it",
}


def _breadth(wish: Wish[CreateIndex]) -> tuple[int, bool, int, bool, tuple[str, ...]]:
    remedy = wish.remedy
    keys = tuple(key.sql for key in remedy.keys)
    return len(remedy.keys), remedy.unique, len(remedy.include), remedy.where is None, keys


# --- what goes ---------------------------------------------------------------------------------------


def _rescue(
    existing: Sequence[Existing],
    kept: Sequence[Existing],
    builds: Sequence[Build],
    needs: Sequence[Need],
    going: dict[str, Wish[DropIndex]],
) -> tuple[str, str] | None:
    """One index that must not be dropped after all, and why."""
    for each in existing:
        wish = going.get(each.index.name)
        if wish is None:
            continue
        twin = next((build for build in builds if covers(each.shape, build.shape)), None)
        if twin is not None and not set(twin.wish.findings) & set(wish.findings):
            return each.index.name, f"another finding asks for an index on {spoken(twin.shape)}"
        if _is_redundancy(wish) and _coverer(each, kept, builds) is None:
            return each.index.name, "no other index does its work"
        for need in needs:
            if serves_equality(each.shape, need.columns) and _server(need, kept, builds) is None:
                return each.index.name, f"it is the only index for {need.why}"
    return None


def _before(
    each: Existing,
    wish: Wish[DropIndex],
    kept: Sequence[Existing],
    builds: Sequence[Build],
    needs: Sequence[Need],
) -> tuple[CreateIndex | RebuildIndex, ...]:
    """What must be there before the index goes: what takes its place, by this finding or by its shape."""
    substitutes = [build.wish.remedy for build in builds if set(build.wish.findings) & set(wish.findings)]
    others = [_coverer(each, kept, builds)] if _is_redundancy(wish) else []
    others += [_server(need, kept, builds) for need in needs if serves_equality(each.shape, need.columns)]
    waits: list[CreateIndex | RebuildIndex] = list(substitutes)
    for other in others:
        if isinstance(other, Build):
            waits.append(other.wish.remedy)
        elif isinstance(other, Existing) and other.rebuild is not None:
            waits.append(other.rebuild)
    return tuple(dict.fromkeys(waits))


def _made_redundant(kept: Sequence[Existing], builds: Sequence[Build]) -> list[Removal]:
    """Existing indexes that a new one replaces, though no finding says so yet: the next audit would."""
    removals = []
    for each in kept:
        cover = next((build for build in builds if covers(build.shape, each.shape)), None)
        if cover is not None and each.state == "valid" and is_plain(each.index):
            remedy = DropIndex(table=each.shape.table, name=each.index.name, definition=each.index.definition)
            wish = Wish(remedy, Priority.P2)
            removals.append(Removal(wish, each.index, (cover.wish.remedy,)))
    return removals


def is_plain(index: Index) -> bool:
    """Nothing but a way to find rows: no constraint, no partial set, no part of another index."""
    return not is_tied(index) and index.predicate is None


def _is_redundancy(wish: Wish[DropIndex]) -> bool:
    return any(key.partition(":")[0] in REDUNDANCY_RULES for key in wish.findings)


def _coverer(each: Existing, kept: Sequence[Existing], builds: Sequence[Build]) -> Existing | Build | None:
    ready = (other for other in _lasting(kept) if covers(other.shape, each.shape))
    return next(ready, None) or next((build for build in builds if covers(build.shape, each.shape)), None)


def _server(need: Need, kept: Sequence[Existing], builds: Sequence[Build]) -> Existing | Build | None:
    ready = (other for other in _lasting(kept) if serves_equality(other.shape, need.columns))
    return next(ready, None) or next(
        (build for build in builds if serves_equality(build.shape, need.columns)), None
    )


def _lasting(kept: Sequence[Existing]) -> list[Existing]:
    """Valid ones first; one that somebody is still building may fail yet."""
    usable = [each for each in kept if each.state != "being built"]
    return sorted(usable, key=lambda each: each.state != "valid")
