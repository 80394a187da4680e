"""Reads FROM: tables, what is joined to them, functions and queries in their place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sqlglot import exp

from tenfold.runtime.guard.conditions import Conditions, Term
from tenfold.runtime.guard.facts import NOTHING, Column, Equal, Facts, Said
from tenfold.runtime.guard.rows import Item, Listed, Relation, Renamed, Rows, Selected
from tenfold.runtime.guard.scope import Block, Cte, alias_of, column_names, spelt
from tenfold.runtime.guard.syntax import Unreadable
from tenfold.runtime.guard.tables import Tables, TenantTable
from tenfold.runtime.guard.verdict import Fault, Kind

# A query of WITH is read again for each place that names it, and each of these for each that it names.
_MOST_BLOCKS = 1_000


class Sources(ABC):
    """Notes what the conditions of joins say, and which tables demand that something holds them."""

    def __init__(self, tables: Tables, column: str) -> None:
        self.tables, self.column = tables, column
        self.facts = Facts()
        self.conditions = Conditions(self)
        self._sources = 0
        self._blocks = 0
        self.faults: list[Fault] = []
        self.demands: list[tuple[Fault, Column | None]] = []

    @abstractmethod
    def query(self, tree: exp.Expr, around: Block | None) -> Rows:
        """Reads a statement or a query; the rows that it gives."""

    @abstractmethod
    def exists(self, tree: exp.Expr, around: Block) -> Said:
        """What is so where the query has a row."""

    @abstractmethod
    def cte_rows(self, cte: Cte) -> Rows:
        """The rows of a query of WITH, where it is named."""

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


def name_of(tree: exp.Expr) -> tuple[str, str]:
    """Schema, empty where there is none, and name of a table."""
    schema = tree.args.get("db")
    return spelt(schema) if schema is not None else "", spelt(tree.this)
