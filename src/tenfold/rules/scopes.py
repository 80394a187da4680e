"""Reads a shape from a statement's tree, scope by scope, as the server resolves names.

A scope is one SELECT, UPDATE, DELETE or MERGE with its FROM list; sub-queries and CTEs are scopes of their
own, and see the columns of those around them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlglot import exp

from tenfold.model.snapshot import Snapshot
from tenfold.rules import equalities
from tenfold.rules.equalities import Edge, Hold, Rule, spread
from tenfold.rules.shapes import Access, Kind, OrderKey, Shape, TableUse


class Node(NamedTuple):
    """A column of a use, by the use's place."""

    use: int
    column: str


#: What an expression is: columns (several where UNION branches give it), the same for every row, or unknown.
Value: TypeAlias = tuple[Node, ...] | Literal["constant"] | None

#: How a comparison holds a column.
Comparison = Literal["equal", "listed", "below", "above", "somehow"]


class _Use:
    """A TableUse in the making."""

    def __init__(self, relation: int, alias: str, access: Access) -> None:
        self.relation, self.alias, self.access = relation, alias, access
        self.held: dict[Comparison, dict[str, Hold]] = defaultdict(dict)
        self.joined: set[str] = set()
        self.mentioned: set[str] = set()
        self.grouped: set[str] = set()
        self.order: tuple[OrderKey, ...] = ()
        self.alone = self.limited = False
        self.supplies: frozenset[str] | None = None
        self.assigned: frozenset[str] = frozenset()


class _Source(NamedTuple):
    """What a name in FROM stands for: a use, or rows whose columns are known or not."""

    use: int | None = None
    #: In order. None: any column may be there.
    columns: Mapping[str, Value] | None = None


class _Scope:
    def __init__(
        self,
        parent: _Scope | None,
        *,
        forth: Rule = equalities.INTO_NULLABLE,
        back: Rule = equalities.NOTHING,
        nullable: bool = False,
    ) -> None:
        self.parent = parent
        #: What an equality between a column around it and one in it tells of either.
        self.forth, self.back = forth, back
        #: An outer join may replace its rows by nulls.
        self.nullable = nullable
        self.sources: dict[str, _Source] = {}
        self.ctes: dict[str, _Source] = {}
        #: Columns that USING or NATURAL has made one.
        self.merged: dict[str, Value] = {}
        #: Its own uses and those of the derived tables in its FROM list.
        self.uses: set[int] = set()

    def cte(self, name: str) -> _Source | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None


class _Where(NamedTuple):
    """Where a condition stands: in WHERE or an inner join, or in the ON of an outer join."""

    scope: _Scope
    #: Uses whose rows the join keeps, whatever the condition says.
    preserved: frozenset[int] = frozenset()
    outer: bool = False
    full: bool = False

    @property
    def strict(self) -> bool:
        return not self.outer and not self.scope.nullable

    def hold(self, use: int) -> Hold:
        """What a comparison of this use with a constant does to it."""
        if self.full or use in self.preserved:
            return Hold.NOT
        if use not in self.scope.uses:
            # A column of a statement around: held where the sub-query must find a row.
            return Hold.FIRMLY if self.scope.back == equalities.STRICT and self.strict else Hold.NOT
        return Hold.FIRMLY if self.strict else Hold.LOOSELY

    def rules(self, one: int, other: int) -> tuple[Rule, Rule]:
        """What an equality of columns of two uses tells of the other, and back."""
        if self.full:
            return equalities.FULL, equalities.FULL
        inside = (one in self.scope.uses, other in self.scope.uses)
        if inside == (True, False):
            forth, back = self.rules(other, one)
            return back, forth
        if inside == (False, True):
            kept = other in self.preserved
            return (equalities.NOTHING, equalities.NOTHING) if kept else (self.scope.forth, self.scope.back)
        if inside == (False, False) or (one in self.preserved and other in self.preserved):
            return equalities.NOTHING, equalities.NOTHING
        if one in self.preserved:
            return equalities.INTO_NULLABLE, equalities.FROM_NULLABLE
        if other in self.preserved:
            return equalities.FROM_NULLABLE, equalities.INTO_NULLABLE
        both = equalities.STRICT if self.strict else equalities.SAME
        return both, both


def read_shape(tree: exp.Expr, snapshot: Snapshot) -> Shape | None:
    """The shape of one parsed statement; None where it is no SELECT, INSERT, UPDATE, DELETE or MERGE."""
    kind = _kind(tree)
    if kind is None:
        return None
    reader = _Reader(snapshot)
    reader.statement(tree, None)
    top = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    return Shape(
        kind=kind,
        uses=reader.finished(),
        links=tuple(reader.links),
        limited=_has_limit(top) or _has_limit(tree),
        one_row=_returns_one_row(top),
        condensed=bool(top.args.get("group") or top.args.get("distinct")),
    )


class _Reader:
    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.uses: list[_Use] = []
        self.edges: list[Edge[Node]] = []
        self.links: list[Edge[int]] = []

    # --- statements ---

    def statement(self, tree: exp.Expr, parent: _Scope | None, **scope: Any) -> _Source:
        """Reads a statement or query; the columns that it returns."""
        match tree:
            case exp.Subquery() if not isinstance(tree.this, exp.Table):
                return self._wrapped(tree, parent, scope)
            case exp.SetOperation():
                return self._set_operation(tree, parent, scope)
            case exp.Select():
                return self._select(tree, _Scope(parent, **scope))
            case exp.Values():
                return self._values(tree)
            case exp.Insert():
                return self._insert(tree, _Scope(parent, **scope))
            case exp.Update():
                return self._update(tree, _Scope(parent, **scope))
            case exp.Delete():
                return self._delete(tree, _Scope(parent, **scope))
            case exp.Merge():
                return self._merge(tree, _Scope(parent, **scope))
        return _Source()

    def _wrapped(self, tree: exp.Subquery, parent: _Scope | None, scope: dict[str, Any]) -> _Source:
        around = parent
        if tree.args.get("with_"):
            around = _Scope(parent)
            self._ctes(tree, around)
        return self.statement(tree.this, around, **scope)

    def _set_operation(self, tree: exp.SetOperation, parent: _Scope | None, scope: dict[str, Any]) -> _Source:
        around = parent
        if tree.args.get("with_"):
            around = _Scope(parent)
            self._ctes(tree, around)
        left = self.statement(tree.left, around, **scope)
        right = self.statement(tree.right, around, **scope)
        return _united(left, right)

    def _select(self, tree: exp.Select, scope: _Scope) -> _Source:
        self._ctes(tree, scope)
        self._from(tree, scope)
        where = tree.args.get("where")
        if where is not None:
            self.condition(where.this, _Where(scope))
        self._sub_queries(
            scope, *tree.expressions, *(tree.args.get(part) for part in ("having", "order", "qualify"))
        )
        columns = list(self._projected(tree.expressions, scope))
        self._grouping(tree, scope, columns)
        return _Source(columns={name: value for name, value in columns if name})

    def _values(self, tree: exp.Values) -> _Source:
        constant: Value = None if next(tree.find_all(exp.Column), None) else "constant"
        first = tree.expressions[0] if tree.expressions else None
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        columns: dict[str, Value] = {f"column{number}": constant for number in range(1, width + 1)}
        return _renamed(_Source(columns=columns), tree)

    def _insert(self, tree: exp.Insert, scope: _Scope) -> _Source:
        self._ctes(tree, scope)
        target = tree.this
        named = target.expressions if isinstance(target, exp.Schema) else None
        table = target.this if isinstance(target, exp.Schema) else target
        source = tree.args.get("expression")
        if isinstance(source, exp.Expr):
            self.statement(source, scope)
        if not isinstance(table, exp.Table):
            return _Source()
        added = self._table(table, scope, "insert")
        if added is not None:
            use = self.uses[added]
            if named is not None:
                use.supplies = frozenset(_name(column) for column in named)
            elif tree.args.get("default"):
                use.supplies = frozenset()
        self._sub_queries(scope, tree.args.get("conflict"))
        return self._returning(tree, scope)

    def _update(self, tree: exp.Update, scope: _Scope) -> _Source:
        self._ctes(tree, scope)
        target = self._table(tree.this, scope, "update")
        self._from(tree, scope)
        assignments = [item for item in tree.expressions if isinstance(item, exp.EQ)]
        if target is not None:
            self.uses[target].assigned = frozenset(
                _name(column.this)
                for item in assignments
                for column in _listed(item.this)
                if isinstance(column, exp.Column)
            )
        self._sub_queries(scope, *(item.expression for item in assignments))
        return self._filtered(tree, scope)

    def _delete(self, tree: exp.Delete, scope: _Scope) -> _Source:
        self._ctes(tree, scope)
        self._table(tree.this, scope, "delete")
        for source in tree.args.get("using") or ():
            self._source(source, scope)
        return self._filtered(tree, scope)

    def _filtered(self, tree: exp.Expr, scope: _Scope) -> _Source:
        self._mark_alone(scope, limited=False)
        where = tree.args.get("where")
        if where is not None:
            self.condition(where.this, _Where(scope))
        return self._returning(tree, scope)

    def _merge(self, tree: exp.Merge, scope: _Scope) -> _Source:
        self._ctes(tree, scope)
        target = self._table(tree.this, scope, "merge")
        source = self._source(tree.args["using"], scope)
        # Rows of the source are read whether they match or not.
        self.condition(tree.args["on"], _Where(scope, preserved=frozenset(source), outer=True))
        whens = tree.args.get("whens")
        inserts = [when.args["then"] for when in whens.expressions] if whens else []
        named = [
            _listed(insert.this) for insert in inserts if isinstance(insert, exp.Insert) and insert.this
        ]
        if target is not None and named:
            self.uses[target].supplies = frozenset(
                _name(column.this) for columns in named for column in columns
            )
        self._sub_queries(scope, whens)
        return self._returning(tree, scope)

    def _returning(self, tree: exp.Expr, scope: _Scope) -> _Source:
        returning = tree.args.get("returning")
        if returning is None:
            return _Source(columns={})
        self._sub_queries(scope, returning)
        return _Source(columns={name: value for name, value in self._projected(returning.expressions, scope)})

    # --- FROM ---

    def _ctes(self, tree: exp.Expr, scope: _Scope) -> None:
        clause = tree.args.get("with_")
        for cte in clause.expressions if clause is not None else ():
            name = _name(cte.args["alias"].this)
            body = cte.this
            if clause.recursive and isinstance(body, exp.SetOperation):
                # The second branch sees what the first returns.
                start = self.statement(body.left, scope)
                scope.ctes[name] = _renamed(start, cte)
                rows = _united(start, self.statement(body.right, scope))
            else:
                rows = self.statement(body, scope)
            scope.ctes[name] = _renamed(rows, cte)

    def _from(self, tree: exp.Expr, scope: _Scope) -> None:
        clause = tree.args.get("from_")
        if clause is not None:
            self._source(clause.this, scope)
        self._joins(tree, scope)
        self._mark_alone(scope, limited=_has_limit(tree))

    def _mark_alone(self, scope: _Scope, *, limited: bool) -> None:
        for source in scope.sources.values():
            if source.use is not None:
                self.uses[source.use].alone = len(scope.sources) == 1
                self.uses[source.use].limited = limited

    def _joins(self, tree: exp.Expr, scope: _Scope) -> None:
        for join in tree.args.get("joins") or ():
            left, names = frozenset(scope.uses), tuple(scope.sources)
            nullable = join.side in ("LEFT", "FULL")
            right = frozenset(self._source(join.this, scope, nullable=nullable))
            preserved = {"LEFT": left, "RIGHT": right, "FULL": left | right}.get(join.side, frozenset())
            where = _Where(scope, preserved, outer=bool(join.side), full=join.side == "FULL")
            if join.args.get("on") is not None:
                self.condition(join.args["on"], where)
            added = [name for name in scope.sources if name not in names]
            for column in self._shared_columns(join, scope, names, added):
                self._merge_column(column, scope, names, added, where)

    def _shared_columns(
        self, join: exp.Join, scope: _Scope, left: Sequence[str], right: Sequence[str]
    ) -> Iterable[str]:
        if join.args.get("using"):
            return [_name(column) for column in join.args["using"]]
        if join.method != "NATURAL":
            return []
        here = {name for source in left for name in self._column_names(scope.sources[source])}
        there = {name for source in right for name in self._column_names(scope.sources[source])}
        return sorted(here & there)

    def _merge_column(
        self, column: str, scope: _Scope, left: Sequence[str], right: Sequence[str], where: _Where
    ) -> None:
        one = scope.merged.get(column) or self._only(column, scope, left)
        other = self._only(column, scope, right)
        self._equate(one, other, where)
        scope.merged[column] = other if where.outer and where.preserved >= scope.uses - where.preserved else one

    def _source(self, tree: exp.Expr, scope: _Scope, *, nullable: bool = False) -> set[int]:
        """Adds what one item of FROM stands for to the scope; the uses that came with it."""
        before = set(scope.uses)
        match tree:
            case exp.Table() if isinstance(tree.this, exp.Identifier):
                self._table(tree, scope, "read")
                self._joins(tree, scope)
            case exp.Subquery() if isinstance(tree.this, exp.Table):
                self._source(tree.this, scope, nullable=nullable)
            case exp.Subquery() | exp.Values():
                self._derived(tree, tree, scope, nullable=nullable)
            case exp.Lateral() if isinstance(tree.this, exp.Subquery):
                self._derived(tree, tree.this, scope, nullable=nullable)
            case _:
                self._function(tree, scope)
        return scope.uses - before

    def _table(self, tree: exp.Expr, scope: _Scope, access: Access) -> int | None:
        name = _name(tree.this)
        schema = tree.args.get("db")
        alias = _alias(tree) or name
        cte = scope.cte(name) if schema is None else None
        if cte is not None:
            scope.sources[alias] = _renamed(cte, tree)
            return None
        relation = self._relation(_name(schema) if schema is not None else None, name)
        if relation is None:
            scope.sources[alias] = _Source()
            return None
        number = len(self.uses)
        self.uses.append(_Use(relation, alias, access))
        scope.uses.add(number)
        columns = tree.args["alias"].columns if tree.args.get("alias") else ()
        whole = _Source(use=number)
        scope.sources[alias] = _renamed(_Source(columns=self._columns(whole)), tree) if columns else whole
        return number

    def _relation(self, schema: str | None, name: str) -> int | None:
        """Its oid. Without a schema only where no two schemas have it: the search path is not known."""
        if schema is not None:
            found = self.snapshot.relation_by_name.get((schema, name))
            return found.oid if found else None
        candidates = self.snapshot.relations_named.get(name, ())
        return candidates[0].oid if len(candidates) == 1 else None

    def _derived(self, tree: exp.Expr, query: exp.Expr, scope: _Scope, *, nullable: bool) -> None:
        rows = len(self.uses)
        forth, back = (
            (equalities.INTO_NULLABLE, equalities.FROM_NULLABLE)
            if nullable
            else (equalities.STRICT, equalities.STRICT)
        )
        source = self.statement(query, scope, forth=forth, back=back, nullable=nullable or scope.nullable)
        scope.uses.update(range(rows, len(self.uses)))
        scope.sources[_alias(tree) or f"?{len(scope.sources)}"] = _renamed(source, tree)

    def _function(self, tree: exp.Expr, scope: _Scope) -> None:
        """A function in FROM: its columns are constants where its arguments are."""
        self._sub_queries(scope, tree)
        alias = _alias(tree) or f"?{len(scope.sources)}"
        given = tree.args["alias"].columns if tree.args.get("alias") else ()
        names = [_name(column.this if isinstance(column, exp.ColumnDef) else column) for column in given]
        offset = tree.args.get("offset")
        if isinstance(offset, exp.Identifier):
            names.append(_name(offset))
        depends = next(tree.find_all(exp.Column, exp.Query), None) is not None
        value: Value = None if depends else "constant"
        # `FROM f() AS x` names the table and its only column.
        scope.sources[alias] = _Source(columns=dict.fromkeys(names or [alias], value))

    # --- names ---

    def value(self, tree: exp.Expr, scope: _Scope) -> Value:
        """What an expression without sub-queries stands for."""
        bare = tree.unnest()
        if isinstance(bare, exp.Column):
            return self._resolve(bare, scope)
        if next(bare.find_all(exp.Column, exp.Query), None) is not None:
            return None
        return "constant"

    def _resolve(self, column: exp.Column, scope: _Scope | None) -> Value:
        if isinstance(column.this, exp.Star):
            return None
        name = _name(column.this)
        qualifier = column.args.get("table")
        while scope is not None:
            if qualifier is not None:
                source = scope.sources.get(_name(qualifier))
                if source is not None:
                    return self._column_of(source, name)
            elif name in scope.merged:
                return scope.merged[name]
            else:
                holders = [source for source in scope.sources.values() if self._may_have(source, name)]
                known = [source for source in holders if source.use is not None or source.columns is not None]
                if holders:
                    return self._column_of(known[0], name) if len(known) == 1 else None
            scope = scope.parent
        return None

    def _only(self, name: str, scope: _Scope, among: Sequence[str]) -> Value:
        values = [self._column_of(scope.sources[source], name) for source in among]
        found = [value for value in values if value is not None]
        return found[0] if len(found) == 1 else None

    def _may_have(self, source: _Source, name: str) -> bool:
        if source.use is not None:
            return self.snapshot.column(self.uses[source.use].relation, name) is not None
        return source.columns is None or name in source.columns

    def _column_of(self, source: _Source, name: str) -> Value:
        if source.use is not None:
            return (Node(source.use, name),) if self._may_have(source, name) else None
        return source.columns.get(name) if source.columns is not None else None

    def _column_names(self, source: _Source) -> Iterable[str]:
        if source.use is not None:
            return [column.name for column in self.snapshot.columns_of(self.uses[source.use].relation)]
        return source.columns or ()

    def _columns(self, source: _Source) -> Mapping[str, Value]:
        return {name: self._column_of(source, name) for name in self._column_names(source)}

    def _projected(self, items: Sequence[exp.Expr], scope: _Scope) -> Iterator[tuple[str, Value]]:
        """Name and value of each column that a SELECT list returns; '' where it has no name."""
        for item in items:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                qualifier = item.args.get("table")
                for name, source in scope.sources.items():
                    if qualifier is None or name == _name(qualifier):
                        yield from self._columns(source).items()
                continue
            inner = item.this if isinstance(item, exp.Alias) else item
            name = _name(item.args["alias"]) if isinstance(item, exp.Alias) else _own_name(item)
            yield name, self.value(inner, scope)

    # --- conditions ---

    def condition(self, tree: exp.Expr, where: _Where) -> None:
        """Reads one condition of WHERE or ON."""
        self._mention(tree, where)
        self._compare(tree, where)

    def _compare(self, tree: exp.Expr, where: _Where) -> None:
        match tree:
            case exp.Paren():
                self._compare(tree.this, where)
            case exp.And():
                for part in tree.flatten():
                    self._compare(part, where)
            case exp.Or():
                self._any_of(tree, where)
            case exp.Exists():
                self._semi_join(tree.this, where)
            case exp.EQ():
                self._equality(tree.this, tree.expression, where)
            case exp.In():
                self._membership(tree, where)
            case exp.NullSafeEQ() if not _has_query(tree):
                self._hold_somehow(tree, where)
            case exp.Is() if isinstance(tree.expression, exp.Null) and not _has_query(tree):
                self._hold(self.value(tree.this, where.scope), "somehow", where)
            case exp.LT() | exp.LTE():
                self._range(tree.this, tree.expression, "below", where)
                self._range(tree.expression, tree.this, "above", where)
            case exp.GT() | exp.GTE():
                self._range(tree.this, tree.expression, "above", where)
                self._range(tree.expression, tree.this, "below", where)
            case exp.Between():
                self._range(tree.this, tree.args["low"], "above", where)
                self._range(tree.this, tree.args["high"], "below", where)
            case _:
                self._sub_queries(where.scope, tree)

    def _equality(self, one: exp.Expr, other: exp.Expr, where: _Where) -> None:
        one, other = one.unnest(), other.unnest()
        if isinstance(one, exp.Tuple) and isinstance(other, exp.Tuple):
            for left, right in zip(one.expressions, other.expressions, strict=False):
                self._equality(left, right, where)
            return
        for column, compared in ((one, other), (other, one)):
            if isinstance(compared, exp.Any):
                self._any(column, compared.this.unnest(), where)
                return
            if _is_query(compared):
                self._equal_to_query(column, compared, where)
                return
        if _has_query(one) or _has_query(other):
            self._sub_queries(where.scope, one, other)
            return
        left, right = self.value(one, where.scope), self.value(other, where.scope)
        self._equate(left, right, where)
        if (left is None and right == "constant") or (right is None and left == "constant"):
            self._hold_somehow(one if left is None else other, where)

    def _any(self, column: exp.Expr, listed: exp.Expr, where: _Where) -> None:
        if _is_query(listed):
            self._in_query([column], listed, where)
        elif self.value(listed, where.scope) == "constant":
            self._hold_or_somehow(column, "listed", where)
        else:
            self._sub_queries(where.scope, column, listed)

    def _membership(self, tree: exp.In, where: _Where) -> None:
        columns = _listed(tree.this.unnest())
        query = tree.args.get("query")
        if query is not None:
            self._in_query(columns, query.unnest(), where)
            return
        if _has_query(tree) or not all(
            self.value(item, where.scope) == "constant" for item in tree.expressions
        ):
            self._sub_queries(where.scope, tree)
            return
        # pg_stat_statements shortens a list to one item and a comment.
        shortened = any(item.comments for item in tree.find_all(exp.Parameter, exp.Literal))
        several = len(tree.expressions) != 1 or shortened
        for column in columns:
            self._hold_or_somehow(column, "listed" if several else "equal", where)

    def _in_query(self, columns: Sequence[exp.Expr], query: exp.Expr, where: _Where) -> None:
        """`columns IN (SELECT ...)`: a join that keeps each row once."""
        before = len(self.uses)
        returned = self._semi_join(query, where)
        held = any(use.held["equal"] or use.held["listed"] for use in self.uses[before:])
        values = tuple(returned.columns.values()) if returned.columns is not None else ()
        for column, value in zip(columns, values, strict=False):
            mine = self.value(column, where.scope)
            if isinstance(mine, tuple) and isinstance(value, tuple):
                self._join(mine, value, equalities.STRICT if where.strict else equalities.SAME, None, where)
            if held or value == "constant":
                self._hold(mine, "somehow", where)

    def _equal_to_query(self, column: exp.Expr, query: exp.Expr, where: _Where) -> None:
        """`column = (SELECT ...)`: one value a run, found before the rows are."""
        before = len(self.uses)
        returned = self.statement(query, where.scope)
        mine = self.value(column, where.scope)
        value = next(iter((returned.columns or {}).values()), None)
        if len(self.uses) == before:
            # No table in it: `(SELECT current_setting(...))`.
            self._hold(mine, "equal", where)
        elif isinstance(mine, tuple):
            if isinstance(value, tuple):
                self._join(mine, value, equalities.NOTHING, equalities.STRICT, where)
            if any(use.held["equal"] or use.held["listed"] for use in self.uses[before:]):
                self._hold(mine, "somehow", where)

    def _semi_join(self, query: exp.Expr, where: _Where) -> _Source:
        both = equalities.STRICT if where.strict else equalities.INTO_NULLABLE
        back = equalities.STRICT if where.strict else equalities.NOTHING
        return self.statement(query, where.scope, forth=both, back=back)

    def _any_of(self, tree: exp.Or, where: _Where) -> None:
        """What every branch holds is held; what only some do is not."""
        branches = []
        for branch in tree.flatten():
            trial = _Reader(self.snapshot)
            trial.uses = [_Use(use.relation, use.alias, use.access) for use in self.uses]
            trial._compare(branch, where)
            branches.append(trial)
        self._sub_queries(where.scope, tree)
        for number, use in enumerate(self.uses[: len(branches[0].uses)]):
            for comparison in ("equal", "listed", "somehow"):
                held = [_held_in_any_way(branch.uses[number]) for branch in branches]
                exact = [branch.uses[number].held[comparison] for branch in branches]  # type: ignore[index]
                del exact, held
        del use

    def _range(
        self, column: exp.Expr, limit: exp.Expr, comparison: Literal["below", "above"], where: _Where
    ) -> None:
        ...
