"""Reads queries: the blocks that they are made of, the rows that these give, and what WITH names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from sqlglot import exp

from tenfold.runtime.guard.conditions import Term, bare, parts
from tenfold.runtime.guard.facts import NOTHING, Column, Said
from tenfold.runtime.guard.rows import Item, Listed, Recursive, Renamed, Rows, Selected, United
from tenfold.runtime.guard.scope import Block, Cte, column_names, spelt
from tenfold.runtime.guard.sources import Sources, name_of
from tenfold.runtime.guard.syntax import Unreadable
from tenfold.runtime.guard.tables import Tables


class Queries(Sources):
    """Reads statements that ask; what they write is left to who knows."""

    def __init__(self, tables: Tables, column: str) -> None:
        super().__init__(tables, column)
        #: Queries of WITH that nothing has named yet.
        self.unread: dict[int, Cte] = {}

    @abstractmethod
    def written(self, tree: exp.Expr, block: Block) -> Rows:
        """Reads a statement that is no query, or raises Unreadable; the rows of its RETURNING."""

    def finish(self) -> None:
        """Reads the queries of WITH that no other names."""
        while self.unread:
            self.cte_rows(next(iter(self.unread.values())))

    # --- queries ---

    def query(self, tree: exp.Expr, around: Block | None) -> Rows:
        """Reads a statement or a query; the rows that it gives."""
        return self._read(tree, around)[0]

    def exists(self, tree: exp.Expr, around: Block) -> Said:
        """What is so where the query has a row."""
        query = tree
        while isinstance(query, exp.Subquery):
            query = query.this
        _, said = self._read(tree, around)
        # An aggregate, which any function may be, gives a row where there was none.
        is_plain = (
            isinstance(query, exp.Select)
            and not any(query.args.get(name) for name in ("group", "having"))
            and not any(item.find(exp.Func) is not None for item in query.expressions)
        )
        return said if is_plain else NOTHING

    def _read(self, tree: exp.Expr, around: Block | None) -> tuple[Rows, Said]:
        """The rows of a query, and what is so where it has one."""
        block = self.block(around)
        self._ctes(tree, block)
        match tree:
            case exp.Subquery():
                rows, said = self._read(tree.this, block)
                return (self._shut(rows) if _is_limited(tree) else rows), said
            case exp.SetOperation():
                left, right = self.query(tree.this, block), self.query(tree.expression, block)
                inward = not _is_limited(tree)
                return United(self.source_number(), left, right, self.facts, inward=inward), NOTHING
            case exp.Select():
                return self._select(tree, block)
            case exp.Values():
                return self.values(tree, block), NOTHING
        return self.written(tree, block), NOTHING

    def _select(self, tree: exp.Select, block: Block) -> tuple[Rows, Said]:
        self.from_(tree, block)
        said = self.where(tree, block, {*block.inside, block.source})
        having = tree.args.get("having")
        if having is not None:
            # What it compares without an aggregate is alike in all rows of a group.
            self.facts.demand(self.conditions.read(having.this, block), {*block.inside, block.source})
        clauses = ("group", "order", "limit", "offset", "distinct", "windows")
        self.conditions.queries_in(block, *(tree.args.get(name) for name in clauses))
        return self._selected(tree, block), said

    def _selected(self, tree: exp.Expr, block: Block) -> Rows:
        """The rows of a SELECT list."""
        items = self.items(tree.expressions, block)
        inward = self._inward(tree, block, items)
        return Selected(
            self.source_number(),
            [item._replace(inward=inward) for item in items],
            self.facts,
        )

    def items(self, expressions: Sequence[exp.Expr], block: Block) -> list[Item]:
        items: list[Item] = []
        for each in expressions:
            if isinstance(each, exp.Star):
                if block.merged:
                    # They come first, and once, so places after them are not those of the tables.
                    items += [Item(name, value) for name, value in block.merged.items()]
                    items.append(Item(star=Listed(self.source_number(), None)))
                items += [Item(star=rows) for rows in block.sources.values()]
            elif isinstance(each, exp.Column) and isinstance(each.this, exp.Star):
                rows = block.rows(spelt(each.args["table"]))
                items.append(Item(star=rows or Listed(self.source_number(), None)))
            else:
                expression = each.this if isinstance(each, exp.Alias) else each
                value = self.as_column(self.conditions.term(expression, block))
                items.append(Item(_name_of(each), value))
        return items

    def _inward(self, tree: exp.Expr, block: Block, items: Sequence[Item]) -> frozenset[Column] | None:
        """The columns for which rows that are left out do not change those that stay; None for all.

        That is so for each by which windows are partitioned, and for all columns, as they are, of groups: the
        rows of a group have them alike.
        """
        if _is_limited(tree):
            return frozenset()
        keys: list[list[exp.Expr]] = []
        distinct = tree.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            keys.append(parts(distinct.args["on"]))
        named = {each.name: each for each in tree.args.get("windows") or ()}
        for each in tree.expressions:
            for window in each.find_all(exp.Window):
                alias = window.args.get("alias")
                used = named.get(alias.name, window) if alias is not None else window
                keys.append(used.args.get("partition_by") or [])
        inward: frozenset[Column] | None = None
        for expressions in keys:
            columns = (self._key(each, block, items) for each in expressions)
            found = frozenset(column for column in columns if column is not None)
            inward = found if inward is None else inward & found
        return inward

    def _key(self, tree: exp.Expr, block: Block, items: Sequence[Item]) -> Column | None:
        """The column by which DISTINCT ON or PARTITION BY goes: written out, or an item's place."""
        tree = bare(tree)
        if isinstance(tree, exp.Literal) and not tree.is_string:
            place = int(tree.name) - 1
            return items[place].value if place < len(items) else None
        if not isinstance(tree, exp.Column):
            return None
        column = block.column(tree)
        if column is None and tree.args.get("table") is None:
            return next((item.value for item in items if item.name == spelt(tree.this)), None)
        return column

    def values(self, tree: exp.Values, block: Block, default: Term = None) -> Rows:
        """The rows of VALUES; `default` is what the word DEFAULT is in them."""
        rows = [parts(row) for row in tree.expressions]
        names = [f"column{number}" for number in range(1, max(map(len, rows), default=0) + 1)]
        listed = Listed(self.source_number(), names)
        for name, cells in zip(names, zip(*rows, strict=False), strict=False):
            terms = [default if is_default(cell) else self.conditions.term(cell, block) for cell in cells]
            column = Column(listed.source, name)
            values = [term for term in terms if isinstance(term, frozenset)]
            if len(values) == len(terms):
                self.facts.hold(column, frozenset().union(*values))
                continue
            columns = [found for term in terms if (found := self.as_column(term)) is not None]
            if len(columns) == len(terms):
                self.facts.unite(column, tuple(columns))
        return listed

    # --- WITH ---

    def _ctes(self, tree: exp.Expr, block: Block) -> None:
        clause = tree.args.get("with_")
        if clause is None:
            return
        for cte in clause.expressions:
            name, names = spelt(cte.args["alias"].this), column_names(cte)
            # It sees those before it, and nothing of the query that it stands before.
            inside = self.block(block.parent)
            inside.ctes = dict(block.ctes)
            found = Cte(cte.this, names, inside)
            if clause.args.get("recursive") and _calls(cte.this, name):
                found = found._replace(rows=self._recursive(cte.this, name, found))
            elif isinstance(cte.this, exp.DML):
                found = found._replace(rows=self.query(cte.this, inside))
            else:
                self.unread[id(cte.this)] = found
            block.ctes[name] = found

    def _recursive(self, tree: exp.Expr, name: str, cte: Cte) -> Rows:
        while isinstance(tree, exp.Subquery):
            tree = tree.this
        if not isinstance(tree, exp.SetOperation):
            raise Unreadable("its recursion has no UNION")
        self._ctes(tree, cte.block)
        base = self.query(tree.this, cte.block)
        rows = Recursive(self.source_number(), base, self.facts)
        cte.block.ctes[name] = cte._replace(rows=rows)
        rows.stepped(self.query(tree.expression, cte.block))
        return rows

    def cte_rows(self, cte: Cte) -> Rows:
        self.unread.pop(id(cte.query), None)
        # Rows that were read once are those of each place that names them, but not the same row of each.
        rows = self.query(cte.query, cte.block) if cte.rows is None else self._shut(cte.rows)
        return Renamed(rows, cte.names) if cte.names else rows

    def _shut(self, rows: Rows) -> Rows:
        """The same rows; what holds them says nothing of those that they are made of."""
        return Selected(self.source_number(), [Item(star=rows)], self.facts)


def is_default(cell: exp.Expr) -> bool:
    """The word DEFAULT."""
    return isinstance(cell, exp.Var | exp.Column) and cell.name.upper() == "DEFAULT"


def _name_of(item: exp.Expr) -> str:
    """The name that the server gives a column of a SELECT list; empty where that does not matter."""
    if isinstance(item, exp.Alias):
        return spelt(item.args["alias"])
    while isinstance(item, exp.Cast | exp.Paren):
        item = item.this
    return spelt(item.this) if isinstance(item, exp.Column) else ""


def _is_limited(tree: exp.Expr) -> bool:
    """Whether rows that are not in the result have a say in which ones are, or are locked."""
    return any(tree.args.get(name) for name in ("limit", "offset", "locks"))


def _calls(tree: exp.Expr, name: str) -> bool:
    """Whether a query names this table without a schema."""
    return any(name_of(table) == ("", name) for table in _tables_in(tree))


def _tables_in(tree: exp.Expr) -> Iterator[exp.Table]:
    return (table for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier))
