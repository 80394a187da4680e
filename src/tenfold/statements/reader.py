"""Reads the shape of a statement from its tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from tenfold.model.snapshot import Snapshot
from tenfold.statements import equalities
from tenfold.statements.conditions import Comparison, Conditions, Place
from tenfold.statements.equalities import Hold, Rule, spread
from tenfold.statements.results import Draft, gives_one_row, has_limit, mark
from tenfold.statements.scopes import (
    Names,
    Node,
    Scope,
    Source,
    Value,
    function_columns,
    renamed,
    spelt,
    united,
)
from tenfold.statements.shape import Access, Kind, Shape, TableUse


def read_shape(tree: exp.Expr, snapshot: Snapshot) -> Shape | None:
    """The shape of one parsed statement; None where it is no SELECT, INSERT, UPDATE, DELETE or MERGE."""
    kind = _kind(tree)
    if kind is None:
        return None
    reader = _Reader(snapshot)
    reader.query(tree, None)
    top = tree.unnest()
    return Shape(
        kind=kind,
        uses=reader.finished(),
        links=tuple(reader.conditions.links),
        limited=has_limit(top) or has_limit(tree),
        one_row=gives_one_row(top),
        condensed=bool(top.args.get("group") or top.args.get("distinct")),
    )


class _Reader:
    def __init__(self, snapshot: Snapshot) -> None:
        self.names = Names(snapshot)
        self.conditions = Conditions(self.names, self)
        self.uses: list[Draft] = []

    def query(
        self,
        tree: exp.Expr,
        scope: Scope | None,
        *,
        forth: Rule = equalities.INTO_NULLABLE,
        back: Rule = equalities.NOTHING,
    ) -> Source:
        """Reads a statement or query in the scope around it; the columns that it returns."""
        inner = Scope(scope, forth=forth, back=back)
        self._ctes(tree, inner)
        match tree:
            case exp.Subquery():
                return self.query(tree.this, inner, forth=forth, back=back)
            case exp.SetOperation():
                left = self.query(tree.left, inner, forth=forth, back=back)
                return united(left, self.query(tree.right, inner, forth=forth, back=back))
            case exp.Select():
                return self._select(tree, inner)
            case exp.Values():
                return _values(tree)
            case exp.Insert():
                return self._insert(tree, inner)
            case exp.Update():
                return self._update(tree, inner)
            case exp.Delete():
                return self._delete(tree, inner)
            case exp.Merge():
                return self._merge(tree, inner)
        return Source()

    def finished(self) -> tuple[TableUse, ...]:
        """The uses, with what the equalities of the whole statement say of each."""
        said = self.conditions
        equal = self._columns(_spread(said, ("equal",)))
        listed = self._columns(_spread(said, ("equal", "listed")))
        held = _spread(said, ("equal", "listed", "otherwise"))
        above, below = (
            self._columns(fact.node for fact in said.facts if fact.comparison == end)
            for end in ("above", "below")
        )
        joined, mentioned = self._columns(said.joined), self._columns(said.mentioned)
        holds: defaultdict[int, dict[str, Hold]] = defaultdict(dict)
        for node, hold in held.items():
            holds[node.use][node.column] = hold
        return tuple(
            TableUse(
                relation=use.relation,
                alias=use.alias,
                access=use.access,
                equal=equal[number],
                listed=listed[number] - equal[number],
                joined=joined[number],
                ranged=above[number] | below[number],
                closed=above[number] & below[number],
                mentioned=mentioned[number],
                held=holds[number],
                order=tuple(key for key in use.order if key.column not in equal[number]),
                grouped=use.grouped,
                alone=use.alone,
                limited=use.limited,
                supplies=use.supplies,
                assigned=use.assigned,
            )
            for number, use in enumerate(self.uses)
        )

    def _columns(self, nodes: Iterable[Node]) -> list[frozenset[str]]:
        """The columns of each use among these."""
        columns: list[set[str]] = [set() for _ in self.uses]
        for node in nodes:
            columns[node.use].add(node.column)
        return [frozenset(each) for each in columns]

    # --- statements ---

    def _select(self, tree: exp.Select, scope: Scope) -> Source:
        self._from(tree, scope)
        self._where(tree, scope)
        clauses = (tree.args.get(name) for name in ("having", "order", "limit", "windows", "distinct"))
        self.conditions.queries_in(scope, *tree.expressions, *clauses)
        returned = list(self.names.projected(tree.expressions, scope))
        mark(self.names, self.uses, tree, scope, returned)
        return Source(columns={name or f"?{number}": value for number, (name, value) in enumerate(returned)})

    def _insert(self, tree: exp.Insert, scope: Scope) -> Source:
        target = tree.this
        listed = target.expressions if isinstance(target, exp.Schema) else None
        source = tree.args.get("expression")
        if isinstance(source, exp.Expr):
            self.query(source, scope)
        added = self._table(target.this if listed is not None else target, scope, "insert")
        if added is not None:
            if listed is not None:
                self.uses[added].supplies = frozenset(spelt(column) for column in listed)
            elif tree.args.get("default"):
                self.uses[added].supplies = frozenset()
        self.conditions.queries_in(scope, tree.args.get("conflict"))
        return self._returning(tree, scope)

    def _update(self, tree: exp.Update, scope: Scope) -> Source:
        target = self._table(tree.this, scope, "update")
        self._from(tree, scope)
        assigned = [column for item in tree.expressions for column in _listed(item.this)]
        if target is not None:
            self.uses[target].assigned = frozenset(
                spelt(column.this) for column in assigned if isinstance(column, exp.Column)
            )
        self.conditions.queries_in(scope, *tree.expressions)
        self._where(tree, scope)
        return self._returning(tree, scope)

    def _delete(self, tree: exp.Delete, scope: Scope) -> Source:
        self._table(tree.this, scope, "delete")
        for source in tree.args.get("using") or ():
            self._source(source, scope)
        self._where(tree, scope)
        return self._returning(tree, scope)

    def _merge(self, tree: exp.Merge, scope: Scope) -> Source:
        target = self._table(tree.this, scope, "merge")
        source = self._source(tree.args["using"], scope)
        # Rows of the source are read whether they match or not.
        place = Place(scope, outer=True, preserved=frozenset(source))
        self.conditions.read(tree.args["on"], place)
        inserts = [insert for insert in tree.args["whens"].find_all(exp.Insert) if insert.this is not None]
        if target is not None and inserts:
            named = (column for insert in inserts for column in _listed(insert.this))
            self.uses[target].supplies = frozenset(spelt(column.this) for column in named)
        self.conditions.queries_in(scope, tree.args["whens"])
        return self._returning(tree, scope)

    def _where(self, tree: exp.Expr, scope: Scope) -> None:
        alone = len(scope.sources) == 1
        for source in scope.sources.values():
            if source.use is not None:
                self.uses[source.use].alone = alone
        where = tree.args.get("where")
        if where is not None:
            self.conditions.read(where.this, Place(scope))

    def _returning(self, tree: exp.Expr, scope: Scope) -> Source:
        returning = tree.args.get("returning")
        if returning is None:
            return Source()
        self.conditions.queries_in(scope, returning)
        return Source(columns=dict(self.names.projected(returning.expressions, scope)))

    def _ctes(self, tree: exp.Expr, scope: Scope) -> None:
        clause: Any = tree.args.get("with_")
        for cte in clause.expressions if clause is not None else ():
            before = len(self.uses)
            name = spelt(cte.args["alias"].this)
            if clause.recursive and isinstance(cte.this, exp.SetOperation):
                # The second branch sees what the first returns.
                start = self.query(cte.this.left, scope)
                scope.ctes[name] = self._rows(start, cte, before)
                rows = united(start, self.query(cte.this.right, scope))
            else:
                rows = self.query(cte.this, scope)
            scope.ctes[name] = self._rows(rows, cte, before)

    # --- FROM ---

    def _from(self, tree: exp.Expr, scope: Scope) -> None:
        clause = tree.args.get("from_")
        if clause is not None:
            self._source(clause.this, scope)
        self._joins(tree, scope)

    def _joins(self, tree: exp.Expr, scope: Scope) -> None:
        for join in tree.args.get("joins") or ():
            left, names = frozenset(scope.uses), tuple(scope.sources)
            right = self._source(join.this, scope, nullable=join.side in ("LEFT", "FULL"))
            both = left | right
            preserved = {"LEFT": left, "RIGHT": right, "FULL": both}.get(join.side, frozenset())
            self.conditions.loosen({"LEFT": right, "RIGHT": left, "FULL": both}.get(join.side, frozenset()))
            place = Place(scope, outer=bool(join.side), preserved=preserved)
            if join.args.get("on") is not None:
                self.conditions.read(join.args["on"], place)
            added = [name for name in scope.sources if name not in names]
            for column in self._shared(join, scope, names, added):
                one = scope.merged.get(column) or self.names.only(column, scope, names)
                other = self.names.only(column, scope, added)
                self.conditions.equate(one, other, place)
                scope.merged[column] = other if join.side == "RIGHT" else one

    def _shared(
        self, join: exp.Join, scope: Scope, left: Sequence[str], right: Sequence[str]
    ) -> Iterable[str]:
        """The columns that USING names, or NATURAL finds."""
        if join.args.get("using"):
            return [spelt(column) for column in join.args["using"]]
        if join.method != "NATURAL":
            return []
        here, there = (
            {column for name in names for column in self.names.columns(scope.sources[name])}
            for names in (left, right)
        )
        return sorted(here & there)

    def _source(self, tree: exp.Expr, scope: Scope, *, nullable: bool = False) -> frozenset[int]:
        """Adds what an item of FROM stands for to the scope; the uses that it reads."""
        before = set(scope.uses)
        alias = _alias(tree) or f"?{len(scope.sources)}"
        match tree:
            case exp.Table(this=exp.Identifier()):
                self._table(tree, scope, "read")
                self._joins(tree, scope)
            case exp.Subquery(this=exp.Table()):
                self._source(tree.this, scope)
            case exp.Subquery():
                scope.sources[alias] = self._derived(tree, tree, scope, nullable=nullable)
            case exp.Lateral(this=exp.Subquery()):
                scope.sources[alias] = self._derived(tree, tree.this, scope, nullable=nullable)
            case exp.Values():
                scope.sources[alias] = self._renamed(_values(tree), tree)
            case _:
                self.conditions.queries_in(scope, tree)
                scope.sources[alias] = function_columns(tree, alias)
        scope.uses.update(*(source.uses for source in scope.sources.values()))
        return frozenset(scope.uses - before)

    def _table(self, tree: exp.Expr, scope: Scope, access: Access) -> int | None:
        name, schema = spelt(tree.this), tree.args.get("db")
        alias = _alias(tree) or name
        cte = scope.cte(name) if schema is None and access == "read" else None
        relation = None if cte else self.names.relation(spelt(schema) if schema else None, name)
        if relation is None:
            scope.sources[alias] = self._renamed(cte or Source(), tree)
            return None
        number = len(self.uses)
        self.uses.append(Draft(relation, alias, access))
        scope.uses.add(number)
        scope.sources[alias] = self._renamed(Source(use=number, relation=relation), tree)
        return number

    def _derived(self, tree: exp.Expr, query: exp.Expr, scope: Scope, *, nullable: bool) -> Source:
        before = len(self.uses)
        forth = equalities.INTO_NULLABLE if nullable else equalities.STRICT
        back = equalities.FROM_NULLABLE if nullable else equalities.STRICT
        return self._rows(self.query(query, scope, forth=forth, back=back), tree, before)

    def _rows(self, source: Source, tree: exp.Expr, before: int) -> Source:
        """The rows of a query, under the names given to them; its uses are those since `before`."""
        return self._renamed(source._replace(uses=frozenset(range(before, len(self.uses)))), tree)

    def _renamed(self, source: Source, tree: exp.Expr) -> Source:
        return renamed(source, self.names.columns(source), tree)


def _spread(said: Conditions, comparisons: tuple[Comparison, ...]) -> Mapping[Node, Hold]:
    held: dict[Node, Hold] = {}
    for fact in said.facts:
        if fact.comparison in comparisons:
            held[fact.node] = max(fact.hold, held.get(fact.node, Hold.NOT))
    return spread(held, said.edges)


def _values(tree: exp.Values) -> Source:
    value: Value = "constant" if tree.find(exp.Column, exp.Query) is None else None
    row = tree.expressions[0] if tree.expressions else None
    width = len(row.expressions) if isinstance(row, exp.Tuple) else 1
    return Source(columns={f"column{number}": value for number in range(1, width + 1)})


def _kind(tree: exp.Expr) -> Kind | None:
    kinds: dict[type[Any], Kind] = {
        exp.Query: "select",
        exp.Values: "select",
        exp.Insert: "insert",
        exp.Update: "update",
        exp.Delete: "delete",
        exp.Merge: "merge",
    }
    return next((kind for node, kind in kinds.items() if isinstance(tree, node)), None)


def _listed(tree: exp.Expr) -> list[exp.Expr]:
    bare = tree.unnest()
    return bare.expressions if isinstance(bare, exp.Tuple) else [bare]


def _alias(tree: exp.Expr) -> str | None:
    alias = tree.args.get("alias")
    return spelt(alias.this) if alias is not None and alias.this is not None else None
