"""The change that drops an index: concurrently, but for a partitioned one, for which the server cannot."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Estimate, Lock, Phase
from tenfold.model.ddl import identifier, qualified
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import DropIndex, Table
from tenfold.model.remedy_sql import statements


def drop_index(
    draft: Draft, relation: Relation, wish: Wish[DropIndex], index: Index, requires: Iterable[str]
) -> str:
    """Its undo builds the index again. A wish of no finding is one of the plan's own."""
    partitioned = relation.kind == "p"
    name = qualified(relation.schema, index.name)
    return draft.change(
        wish,
        "drop-index",
        relation,
        index.name,
        "statement" if partitioned else "build",
        Phase.INDEXES,
        title=f"Drop index {identifier(index.name)} on {relation.display}",
        done=probes.asks(f"{probes.relation(Table(relation.schema, index.name))} IS NULL"),
        lock=Lock.ACCESS_EXCLUSIVE if partitioned else Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=(f"DROP INDEX {name}",) if partitioned else statements(wish.remedy),
        undo=(_recreation(wish.remedy.definition, partitioned),),
        transactional=partitioned,
        index=(relation.schema, index.name),
        estimate=Estimate(bytes=-(index.size_bytes or 0)),
        requires=requires,
        note=_note(wish, partitioned),
    )


def _note(wish: Wish[DropIndex], partitioned: bool) -> str | None:
    notes = []
    if not wish.findings:
        notes.append("the new index makes it redundant")
    if partitioned:
        notes.append("its undo builds it on all partitions at once, and blocks writes meanwhile")
    return "; ".join(notes) or None


def _recreation(definition: str, partitioned: bool) -> str:
    """The definition that pg_get_indexdef wrote, built without blocking writes where that can be."""
    if partitioned:
        return definition.replace(" ON ONLY ", " ON ", 1)
    head, created, rest = definition.partition("INDEX ")
    return f"{head}{created}CONCURRENTLY {rest}"
