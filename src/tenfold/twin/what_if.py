"""Indexes hidden, shown, made and dropped in a twin, to see what the planner would do.

An index is hidden by its validity flag. One is made while its table lives in its empty file, where a build
reads nothing, and is as long as the arithmetic of `tenfold.growth` says it would be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from tenfold.errors import UsageError
from tenfold.growth import as_built, index_sizes
from tenfold.model.ddl import identifier, qualified
from tenfold.model.relations import Index
from tenfold.twin.load import index_length
from tenfold.twin.made_index import read_made_indexes

if TYPE_CHECKING:
    from tenfold.twin.scale import Scale


class WhatIf:
    """The indexes of one scale."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._hidden: set[int] = set()
        #: Oids of the made ones by (schema, name).
        self._made: dict[tuple[str, str], tuple[int, ...]] = {}

    # --- hide and show -------------------------------------------------------------------------------

    def hide(self, schema: str, index: str) -> None:
        """Has the planner not see an index. Raises UsageError where there is none of that name."""
        self._set_shown(self._oid(schema, index), shown=False)

    def show(self, schema: str, index: str) -> None:
        """Has the planner see a hidden index again."""
        self._set_shown(self._oid(schema, index), shown=True)

    @contextmanager
    def hidden(self, schema: str, index: str) -> Iterator[None]:
        """Hidden for the block."""
        self.hide(schema, index)
        try:
            yield
        finally:
            self.show(schema, index)

    # --- create and drop -----------------------------------------------------------------------------

    def create(self, definition: str) -> Index:
        """Makes an index by its CREATE INDEX, and gives it the length that it would have; that is in `pages`.

        Raises UsageError where the definition is none, or the server refuses it.
        """
        # Here nobody else is in the way, and CONCURRENTLY cannot run in a transaction.
        definition = re.sub(r"\bCONCURRENTLY\b", "", definition, count=1, flags=re.IGNORECASE)
        table = self._table(definition)
        before = {index.oid for index in read_made_indexes(self._scale, table)}
        self._in_short_tables(table, definition)
        snapshot, leaves = self._scale.snapshot, self._leaves(table)
        made = [
            as_built(snapshot, index) if index.relation in leaves else index
            for index in read_made_indexes(self._scale, table)
            if index.oid not in before
        ]
        sizes = index_sizes(msgspec.structs.replace(snapshot, indexes=tuple(made)))
        for index in made:
            if index.relation in leaves:
                self._scale.place(index_length(index, index.oid, sizes[index.oid]))
        first = min(made, key=lambda index: index.oid)
        self._made[snapshot.relation_by_oid[table].schema, first.name] = tuple(index.oid for index in made)
        return msgspec.structs.replace(first, pages=sum(index.pages for index in made))

    def drop(self, schema: str, index: str) -> None:
        """Takes out an index that was made here."""
        oids = self._made.pop((schema, index), None)
        if oids is None:
            raise UsageError(f"{qualified(schema, index)} was not made here; hide it instead")
        for oid in oids:
            # The server would cut the files behind the links, which others share.
            self._scale.admin.named("set_node", oid=oid, node=oid)
        self._scale.admin.script(f"DROP INDEX {qualified(schema, index)}")

    @contextmanager
    def created(self, definition: str) -> Iterator[Index]:
        """There for the block."""
        index = self.create(definition)
        schema = self._scale.snapshot.relation_by_oid[index.relation].schema
        try:
            yield index
        finally:
            self.drop(schema, index.name)

    def forget(self) -> None:
        """Everything as in the source again."""
        for oid in tuple(self._hidden):
            self._set_shown(oid, shown=True)
        for schema, index in tuple(self._made):
            self.drop(schema, index)

    # --- parts ---------------------------------------------------------------------------------------

    def _set_shown(self, oid: int, *, shown: bool) -> None:
        self._scale.admin.named("set_index_shown", oid=oid, shown=shown)
        if shown:
            self._hidden.discard(oid)
        else:
            self._hidden.add(oid)

    def _oid(self, schema: str, index: str) -> int:
        made = self._made.get((schema, index))
        found = made[0] if made else self._scale.oids.get((schema, index))
        if found is None:
            raise UsageError(f"there is no index {qualified(schema, index)} in the twin")
        return found

    def _table(self, definition: str) -> int:
        """Source oid of the table that the index is on."""
        import sqlglot
        from sqlglot import exp
        from sqlglot.errors import SqlglotError

        try:
            tree = sqlglot.parse_one(definition, dialect="postgres")
        except SqlglotError as error:
            raise UsageError(f"this is no CREATE INDEX that can be read: {definition}") from error
        table = tree.find(exp.Table) if isinstance(tree, exp.Create) and tree.kind == "INDEX" else None
        if table is None:
            raise UsageError(f"this is no CREATE INDEX: {definition}")
        snapshot = self._scale.snapshot
        for schema in (table.db,) if table.db else ("public", *(schema.name for schema in snapshot.schemas)):
            if (found := snapshot.relation_by_name.get((schema, table.name))) is not None:
                return found.oid
        raise UsageError(f"there is no table {table.name} in the twin to index")

    def _leaves(self, table: int) -> tuple[int, ...]:
        """Source oids of the relations that hold the table's rows."""
        snapshot = self._scale.snapshot
        return snapshot.leaves_of(table) if snapshot.relation_by_oid[table].kind == "p" else (table,)

    def _in_short_tables(self, table: int, definition: str) -> None:
        scale, admin = self._scale, self._scale.admin
        short = [scale.twin_oid(leaf) for leaf in self._leaves(table)]
        schemas = ", ".join(dict.fromkeys(("public", *(identifier(s.name) for s in scale.snapshot.schemas))))
        admin.script(f"BEGIN; SET LOCAL search_path = {schemas}")
        for oid in short:
            admin.named("set_node", oid=oid, node=oid)
        if (refused := admin.script(definition)) is not None:
            admin.script("ROLLBACK")
            raise UsageError(f"the index cannot be made: {refused}")
        for oid in short:
            admin.named("set_node", oid=oid, node=scale.nodes[oid])
        admin.script("COMMIT")
