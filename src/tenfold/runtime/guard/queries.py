"""Reads queries: their blocks, what is joined in them, and what WITH names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from sqlglot import exp

from tenfold.runtime.guard.conditions import Conditions, Term, bare, parts
from tenfold.runtime.guard.facts import NOTHING, Column, Equal, Facts, Said
from tenfold.runtime.guard.rows import Item, Listed, Recursive, Relation, Renamed, Rows, Selected, United
from tenfold.runtime.guard.scope import Block, Cte, alias_of, column_names, spelt
from tenfold.runtime.guard.syntax import Unreadable
from tenfold.runtime.guard.tables import Tables, TenantTable
from tenfold.runtime.guard.verdict import Fault, Kind

# A query of WITH is read again for each place that names it, and each of these for each that it names.
_MOST_BLOCKS = 1_000


class Queries(ABC):
    """Notes what the conditions of queries say, and which tables demand that something holds them."""

    def __init__(self, tables: Tables, column: str) -> None:
        self.tables, self.column = tables, column
        self.facts = Facts()
        self.conditions = Conditions(self)
        self._sources = 0
        self._blocks = 0
        self.faults: list[Fault] = []
        self.demands: list[tuple[Fault, Column | None]] = []
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

    # --- FROM ---

    def from_(self, tree: exp.Expr, block: Block) -> None:
        clause = tree.args.get("from_")
        if clause is not None:
            self.item(clause.this, block, tree.args.get("joins") or ())

    def item(self, tree: exp.Expr, block: Block, joins: Sequence[exp.Join] = ()) -> None:
        """An item of FROM with what is joined to it."""
        names, inside = set(block.sources), set(block.inside)
        self._source(tree, block)
        for join in (*(tree.args.get("joins") or ()), *joins):
            left = [name for name in block.sources if name not in names]
            self._join(join, block, left, block.inside - inside)

    def _join(self, join: exp.Join, block: Block, left: list[str], left_sources: set[int]) -> None:
        before, merged = set(block.inside), dict(block.merged)
        names = set(block.sources)
        self.item(join.this, block)
        right = [name for name in block.sources if name not in names]
        right_sources = block.inside - before
        side = join.side
        # An outer join keeps rows of one side, or of both, whatever the condition says of them.
        filtered = {"LEFT": right_sources, "RIGHT": left_sources, "FULL": set[int]()}.get(
            side, left_sources | right_sources
        )
        if join.args.get("on") is not None:
            self.facts.demand(self.conditions.read(join.args["on"], block), filtered)
        for name in self._shared(join, block, left, right):
            one = merged.get(name) or block.only(name, left)
            other = block.merged.get(name) if block.merged.get(name) != merged.get(name) else None
            other = other or block.only(name, right)
            block.merged[name] = self._merge_columns(name, one, other, side, block, filtered)

    def _shared(self, join: exp.Join, block: Block, left: list[str], right: list[str]) -> list[str]:
        """The columns that USING names; of those that NATURAL finds, the tenant column."""
        if join.args.get("using"):
            return [spelt(each) for each in join.args["using"]]
        if join.method == "NATURAL" and all(
            block.holders(self.column, [block.sources[name] for name in names])[0] for names in (left, right)
        ):
            return [self.column]
        return []

    def _merge_columns(
        self,
        name: str,
        one: Column | None,
        other: Column | None,
        side: str,
        block: Block,
        filtered: set[int],
    ) -> Column:
        if one is None or other is None:
            return Column(block.source, name)
        self.facts.demand([Equal(frozenset((one, other)))], filtered)
        if side != "FULL":
            return other if side == "RIGHT" else one
        column = Column(self.source_number(), name)
        block.inside.add(column.source)
        self.facts.unite(column, (one, other))
        for each in (one, other):
            self.facts.carry(column, each)
        return column

    def _source(self, tree: exp.Expr, block: Block) -> None:
        names = column_names(tree)
        match tree:
            case exp.Table(this=exp.Identifier()):
                self._relation(tree, block)
                return
            case exp.Subquery(this=exp.Table()):
                self._parenthesised(tree, block)
                return
            case exp.Subquery() | exp.Values():
                rows = self.query(tree, block)
            case exp.Lateral(this=exp.Subquery()):
                rows = self.query(tree.this, block)
            case _:
                rows, names = self._function(tree, names, block), []
        alias = alias_of(tree) or f"?{len(block.sources)}"
        block.add(alias, Renamed(rows, names) if names else rows)

    def _parenthesised(self, tree: exp.Subquery, block: Block) -> None:
        before = set(block.sources)
        self.item(tree.this, block)
        if (alias := alias_of(tree)) is not None:
            inside = [name for name in block.sources if name not in before]
            stars = [Item(star=block.sources.pop(name), inward=None) for name in inside]
            block.add(alias, Selected(self.source_number(), stars, self.facts))

    def _relation(self, tree: exp.Table, block: Block) -> None:
        schema, name = name_of(tree)
        alias = alias_of(tree) or name
        cte = None if schema else block.cte(name)
        if cte is not None:
            rows = self.cte_rows(cte)
            names = column_names(tree)
            block.add(alias, Renamed(rows, names) if names else rows)
        else:
            self.demand_of("unbound", self.target(tree, block), tree)

    def target(self, tree: exp.Expr, block: Block) -> Relation:
        """Adds a table, which no query of WITH can be, to the block."""
        schema, name = name_of(tree)
        relation = Relation(self.source_number(), self.column, self.tables.find(schema, name))
        names = column_names(tree)
        block.add(alias_of(tree) or name, Renamed(relation, names) if names else relation)
        return relation

    def _function(self, tree: exp.Expr, names: list[str], block: Block) -> Rows:
        source, alias = self.source_number(), alias_of(tree)
        call = tree.this if isinstance(tree, exp.Lateral | exp.Table) else tree
        if not isinstance(call, exp.Unnest):
            self.conditions.queries_in(block, tree)
            return Listed(source, names or None)
        elements = self.conditions.elements(call, block)
        if not names and len(elements) == 1:
            names = [alias or "unnest"]
        names += [f"?{place}" for place in range(len(names), len(elements))]
        for name, values in zip(names, elements, strict=False):
            if isinstance(values, frozenset):
                self.facts.hold(Column(source, name), values)
        return Listed(source, names)

    def where(self, tree: exp.Expr, block: Block, filtered: set[int]) -> Said:
        where = tree.args.get("where")
        if where is None:
            return NOTHING
        said = self.conditions.read(where.this, block)
        self.facts.demand(said, filtered)
        return said

    # --- what is noted ---

    def demand_of(self, kind: Kind, relation: Relation, tree: exp.Expr) -> None:
        if relation.table is not None:
            fault = self.fault(kind, relation.table, *name_of(tree), alias_of(tree))
            self.demands.append((fault, relation.tenant))

    def fault(
        self, kind: Kind, table: TenantTable, schema: str, name: str, alias: str | None = None
    ) -> Fault:
        return Fault(kind, f"{schema}.{name}" if schema else name, alias or name, self.column)

    def as_column(self, term: Term) -> Column | None:
        if not isinstance(term, frozenset):
            return term
        column = Column(self.source_number(), "=")
        self.facts.hold(column, term)
        return column

    def source_number(self) -> int:
        self._sources += 1
        return self._sources

    def block(self, around: Block | None) -> Block:
        self._blocks += 1
        if self._blocks > _MOST_BLOCKS:
            raise Unreadable("it has too many queries in it")
        return Block(self.source_number(), around)


def is_default(cell: exp.Expr) -> bool:
    """The word DEFAULT."""
    return isinstance(cell, exp.Var | exp.Column) and cell.name.upper() == "DEFAULT"


def name_of(tree: exp.Expr) -> tuple[str, str]:
    """Schema, empty where there is none, and name of a table."""
    schema = tree.args.get("db")
    return spelt(schema) if schema is not None else "", spelt(tree.this)


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
