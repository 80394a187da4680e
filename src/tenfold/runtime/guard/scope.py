"""A query block and what names mean in it, by the rules of the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlglot import exp

from tenfold.runtime.guard.facts import Column
from tenfold.runtime.guard.rows import Rows


class Cte(NamedTuple):
    """A query of WITH. It is read anew wherever it is named, unless it has been read for all places."""

    query: exp.Expr
    names: Sequence[str]
    #: Where it stands.
    block: Block
    rows: Rows | None = None


class Block:
    """One SELECT, INSERT, UPDATE, DELETE or MERGE. Those in it see its columns."""

    def __init__(self, source: int, parent: Block | None) -> None:
        #: A number as those of sources, for columns of which it is not known whose they are.
        self.source = source
        self.parent = parent
        self.sources: dict[str, Rows] = {}
        #: The numbers of all sources in its FROM, those in parentheses too.
        self.inside: set[int] = set()
        self.ctes: dict[str, Cte] = {}
        #: Columns that USING or NATURAL made one.
        self.merged: dict[str, Column] = {}

    def add(self, name: str, rows: Rows) -> None:
        self.sources[name] = rows
        self.inside.add(rows.source)

    def rows(self, name: str) -> Rows | None:
        """What a name before a dot means."""
        block: Block | None = self
        while block is not None:
            if name in block.sources:
                return block.sources[name]
            block = block.parent
        return None

    def cte(self, name: str) -> Cte | None:
        block: Block | None = self
        while block is not None:
            if name in block.ctes:
                return block.ctes[name]
            block = block.parent
        return None

    def column(self, column: exp.Column) -> Column | None:
        """What a column stands for; None where no more can be said than that it is one."""
        name, qualifier = spelt(column.this), column.args.get("table")
        block: Block | None = self
        while block is not None:
            if qualifier is not None:
                if (rows := block.sources.get(spelt(qualifier))) is not None:
                    return rows.named(name)
            elif name in block.merged:
                return block.merged[name]
            else:
                sure, unsure = block.holders(name, block.sources.values())
                if sure:
                    return sure[0].named(name) if len(sure) == 1 else None
                if unsure:
                    # The same name in the same block is the same column, whosever it is.
                    return unsure[0].named(name) if len(unsure) == 1 else Column(block.source, name)
            block = block.parent
        return None

    def only(self, name: str, among: Iterable[str]) -> Column | None:
        """The column of that name in the one of these sources that has it."""
        sure, unsure = self.holders(name, [self.sources[each] for each in among])
        found = sure or unsure
        return found[0].named(name) if len(found) == 1 else None

    @staticmethod
    def holders(name: str, among: Iterable[Rows]) -> tuple[list[Rows], list[Rows]]:
        """Those that have such a column, and those that may have it."""
        answers = [(rows, rows.has(name)) for rows in among]
        return [rows for rows, has in answers if has], [rows for rows, has in answers if has is None]


def spelt(identifier: exp.Expr) -> str:
    """A name as the catalog has it: folded to lower case unless quoted."""
    if isinstance(identifier, exp.ColumnDef):
        identifier = identifier.this
    return identifier.name if identifier.args.get("quoted") else identifier.name.lower()


def alias_of(tree: exp.Expr) -> str | None:
    alias = tree.args.get("alias")
    return spelt(alias.this) if alias is not None and alias.this is not None else None


def column_names(tree: exp.Expr) -> list[str]:
    """The names of columns in `AS x (a, b)`."""
    alias = tree.args.get("alias")
    return [spelt(each) for each in alias.columns] if isinstance(alias, exp.TableAlias) else []
