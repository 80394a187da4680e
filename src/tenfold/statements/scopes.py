"""Scopes of a statement, and what a name means in them, by the server's rules.

A scope is one SELECT, UPDATE, DELETE or MERGE with its FROM list. Sub-queries and CTEs are scopes of their
own, and see the columns of those around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from sqlglot import exp

from tenfold.model.snapshot import Snapshot
from tenfold.statements import equalities
from tenfold.statements.equalities import Rule


class Node(NamedTuple):
    """A column of a use of a table, by the use's place in the statement."""

    use: int
    column: str


#: What an expression is: columns (one for each branch of a UNION), alike for every row, or not known.
Value: TypeAlias = tuple[Node, ...] | Literal["constant"] | None


class Source(NamedTuple):
    """What a name in FROM stands for: a use of a relation, or rows of something else."""

    use: int | None = None
    relation: int = 0
    #: Columns of those rows, in order. None: not known, any column may be there.
    columns: Mapping[str, Value] | None = None
    #: Uses that those rows come from.
    uses: frozenset[int] = frozenset()

    @property
    def is_known(self) -> bool:
        return self.use is not None or self.columns is not None


class Scope:
    def __init__(
        self,
        parent: Scope | None,
        *,
        forth: Rule = equalities.INTO_NULLABLE,
        back: Rule = equalities.NOTHING,
    ) -> None:
        self.parent = parent
        #: What an equality of a column around it and one in it tells of the other.
        self.forth, self.back = forth, back
        self.sources: dict[str, Source] = {}
        self.ctes: dict[str, Source] = {}
        #: Columns that USING or NATURAL made one.
        self.merged: dict[str, Value] = {}
        #: Its own uses and those of derived tables and CTEs in its FROM list.
        self.uses: set[int] = set()

    def cte(self, name: str) -> Source | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None


class Names:
    """What names stand for in a database."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def relation(self, schema: str | None, name: str) -> int | None:
        """Its oid. Without a schema only where no two schemas have it: the search path is not known."""
        if schema is not None:
            found = self._snapshot.relation_by_name.get((schema, name))
            return found.oid if found else None
        candidates = self._snapshot.relations_named.get(name, ())
        return candidates[0].oid if len(candidates) == 1 else None

    def value(self, tree: exp.Expr, scope: Scope) -> Value:
        """What an expression stands for; not known where a query is in it."""
        bare = tree.unnest()
        if isinstance(bare, exp.Column):
            return self._resolve(bare, scope)
        return "constant" if bare.find(exp.Column, exp.Query) is None else None

    def column(self, source: Source, name: str) -> Value:
        if source.use is not None:
            return (Node(source.use, name),) if self._may_have(source, name) else None
        return source.columns.get(name) if source.columns is not None else None

    def columns(self, source: Source) -> Mapping[str, Value]:
        """Its columns in order; none where they are not known."""
        if source.use is not None:
            return {
                column.name: (Node(source.use, column.name),)
                for column in self._snapshot.columns_of(source.relation)
            }
        return source.columns or {}

    def only(self, name: str, scope: Scope, among: Iterable[str]) -> Value:
        """The column of that name in the one source, of those named, that has it."""
        values = [self.column(scope.sources[source], name) for source in among]
        found = [value for value in values if value is not None]
        return found[0] if len(found) == 1 else None

    def projected(self, items: Sequence[exp.Expr], scope: Scope) -> Iterator[tuple[str, Value]]:
        """Name and value of each column that a SELECT list or RETURNING gives; '' where it has no name."""
        for item in items:
            if isinstance(item, exp.Star) or isinstance(item.this, exp.Star):
                qualifier = item.args.get("table")
                for name, source in scope.sources.items():
                    if qualifier is None or name == spelt(qualifier):
                        yield from self.columns(source).items()
            elif isinstance(item, exp.Alias):
                yield spelt(item.args["alias"]), self.value(item.this, scope)
            else:
                name = spelt(item.this) if isinstance(item, exp.Column) else ""
                yield name, self.value(item, scope)

    def _resolve(self, column: exp.Column, scope: Scope | None) -> Value:
        name = spelt(column.this)
        qualifier = column.args.get("table")
        while scope is not None:
            if qualifier is not None:
                if spelt(qualifier) in scope.sources:
                    return self.column(scope.sources[spelt(qualifier)], name)
            elif name in scope.merged:
                return scope.merged[name]
            else:
                holders = [source for source in scope.sources.values() if self._may_have(source, name)]
                if holders:
                    known = [source for source in holders if source.is_known]
                    return self.column(known[0], name) if len(known) == 1 else None
            scope = scope.parent
        return None

    def _may_have(self, source: Source, name: str) -> bool:
        if source.use is not None:
            return self._snapshot.column(source.relation, name) is not None
        return source.columns is None or name in source.columns


def spelt(identifier: exp.Expr) -> str:
    """A name as the catalog has it: folded to lower case unless quoted."""
    quoted = bool(identifier.args.get("quoted"))
    return identifier.name if quoted else identifier.name.lower()


def renamed(source: Source, columns: Mapping[str, Value], tree: exp.Expr) -> Source:
    """The source with the column names of `AS x (a, b)`; `columns` are those it has."""
    alias = tree.args.get("alias")
    given = [spelt(_identifier(column)) for column in alias.columns] if alias is not None else []
    if not given or (source.use is None and source.columns is None):
        return source
    rest = list(columns.items())[len(given) :]
    named = dict([*zip(given, columns.values(), strict=False), *rest])
    return Source(columns=named, uses=source.uses)


def united(left: Source, right: Source) -> Source:
    """The rows of two branches of a UNION: the names of the first, by position."""
    if left.columns is None or right.columns is None:
        return Source()
    others = list(right.columns.values())
    others += [None] * (len(left.columns) - len(others))
    return Source(
        columns={
            name: _either(value, other)
            for (name, value), other in zip(left.columns.items(), others, strict=False)
        }
    )


def function_columns(tree: exp.Expr, alias: str) -> Source:
    """The columns of a function in FROM: alike for every row where its arguments are."""
    given = tree.args["alias"].columns if tree.args.get("alias") else ()
    names = [spelt(_identifier(column)) for column in given]
    offset = tree.args.get("offset")
    if isinstance(offset, exp.Identifier):
        names.append(spelt(offset))
    value: Value = "constant" if tree.find(exp.Column, exp.Query) is None else None
    # `FROM unnest(...) AS x` names the table and its only column.
    return Source(columns=dict.fromkeys(names or [alias], value))


def _identifier(column: exp.Expr) -> exp.Expr:
    return column.this if isinstance(column, exp.ColumnDef) else column


def _either(one: Value, other: Value) -> Value:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return one + other
    return one if one == other else None
