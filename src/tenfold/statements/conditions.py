"""Reads WHERE and ON: which columns a condition compares with what, and which it makes equal.

What is not understood is noted as mentioned, and its sub-queries are read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Literal, NamedTuple, Protocol

from sqlglot import exp

from tenfold.statements import equalities
from tenfold.statements.equalities import Edge, Hold, Rule, Thing
from tenfold.statements.scopes import Names, Node, Scope, Source, Value

#: How a condition compares a column: `=`, IN with several, with a lower or an upper limit, or in another way
#: that leaves few values: IS NULL, `=` on an expression over it, IN (SELECT ...).
Comparison = Literal["equal", "listed", "above", "below", "otherwise"]


# One branch of a UNION tells nothing of a column that every branch fills.
_NONE = equalities.NOTHING


class Fact(NamedTuple):
    node: Node
    comparison: Comparison
    hold: Hold


class ReadsQueries(Protocol):
    def query(self, tree: exp.Expr, scope: Scope, *, forth: Rule = ..., back: Rule = ...) -> Source:
        """Reads a sub-query; the columns that it returns."""


class Place(NamedTuple):
    """Where a condition stands: WHERE or an inner join, or the ON of an outer one."""

    scope: Scope
    outer: bool = False
    #: Uses whose rows the outer join keeps whatever the condition says.
    preserved: frozenset[int] = frozenset()

    @property
    def strict(self) -> bool:
        """Whether it removes rows from the result for good."""
        return not self.outer

    def hold(self, use: int) -> Hold:
        """What a comparison with a constant does to the column of this use."""
        if use in self.preserved:
            return Hold.NOT
        if use not in self.scope.uses:
            # Of a statement around: held where it demands that the sub-query finds a row.
            return Hold.FIRMLY if self.strict and self.scope.back == equalities.STRICT else Hold.NOT
        return Hold.FIRMLY if self.strict else Hold.LOOSELY

    def rules(self, one: int, other: int) -> tuple[Rule, Rule]:
        """What an equality of columns of two uses tells of the other, and of the one."""
        match one in self.scope.uses, other in self.scope.uses:
            case True, True:
                return self._join_rules(one, other)
            case False, True if other not in self.preserved:
                return self.scope.forth, self.scope.back
            case True, False if one not in self.preserved:
                return self.scope.back, self.scope.forth
        return equalities.NOTHING, equalities.NOTHING

    def _join_rules(self, one: int, other: int) -> tuple[Rule, Rule]:
        match one in self.preserved, other in self.preserved:
            case True, True:
                # A full join keeps both sides; two tables of one preserved side are not joined by this.
                rule = equalities.FULL if self.preserved >= self.scope.uses else equalities.NOTHING
                return rule, rule
            case True, False:
                return equalities.INTO_NULLABLE, equalities.FROM_NULLABLE
            case False, True:
                return equalities.FROM_NULLABLE, equalities.INTO_NULLABLE
        rule = equalities.STRICT if self.strict else equalities.SAME
        return rule, rule


class Conditions:
    """Collects what the conditions of a whole statement say."""

    def __init__(self, names: Names, queries: ReadsQueries) -> None:
        self._names, self._queries = names, queries
        self.facts: list[Fact] = []
        self.edges: list[Edge[Node]] = []
        self.links: list[Edge[int]] = []
        self.joined: set[Node] = set()
        self.mentioned: set[Node] = set()

    def read(self, tree: exp.Expr, place: Place) -> None:
        """Reads one condition."""
        bare = tree.unnest()
        for part in bare.flatten() if isinstance(bare, exp.And) else (bare,):
            if isinstance(part.unnest(), exp.And):
                self.read(part, place)
            else:
                self._mention(part, place)
                self._compare(part.unnest(), place)

    def queries_in(self, scope: Scope, *trees: exp.Expr | None) -> None:
        """Reads the sub-queries of expressions that say nothing of rows around them."""
        for tree in trees:
            for query in topmost(tree, exp.Query) if tree is not None else ():
                self._queries.query(query, scope)

    def equate(self, one: Value, other: Value, place: Place) -> None:
        """`one = other`."""
        if isinstance(one, tuple) and isinstance(other, tuple):
            self._join(one, other, place)
        elif isinstance(one, tuple) and other == "constant":
            self._note(one, "equal", place)
        elif isinstance(other, tuple) and one == "constant":
            self._note(other, "equal", place)

    def loosen(self, uses: Set[int]) -> None:
        """An outer join may replace the rows of these uses by nulls, whatever holds among them so far."""
        self.facts = [
            fact._replace(hold=Hold.LOOSELY) if fact.node.use in uses else fact for fact in self.facts
        ]
        self.edges = [_loosened(edge) if edge.one.use in uses else edge for edge in self.edges]
        self.links = [_loosened(link) if link.one in uses else link for link in self.links]

    # --- one condition, without parentheses, that is no AND ---

    def _compare(self, tree: exp.Expr, place: Place) -> None:
        match tree:
            case exp.Or():
                self._alternatives(tree, place)
            case exp.Exists():
                self._semi_join(tree.this, place)
            case exp.EQ():
                self._equality(tree.this.unnest(), tree.expression.unnest(), place)
            case exp.In():
                self._membership(tree, place)
            case exp.NullSafeEQ() | exp.Is(expression=exp.Null()) if not has_query(tree):
                if not tree.args.get("negate"):
                    self._otherwise(tree, place)
            case exp.LT() | exp.LTE() | exp.GT() | exp.GTE() if not has_query(tree):
                upward = isinstance(tree, exp.GT | exp.GTE)
                self._limit(tree.this, tree.expression, "above" if upward else "below", place)
                self._limit(tree.expression, tree.this, "below" if upward else "above", place)
            case exp.Between() if not has_query(tree):
                self._limit(tree.this, tree.args["low"], "above", place)
                self._limit(tree.this, tree.args["high"], "below", place)
            case _:
                self.queries_in(place.scope, tree)

    def _equality(self, one: exp.Expr, other: exp.Expr, place: Place) -> None:
        if isinstance(one, exp.Tuple) and isinstance(other, exp.Tuple):
            for left, right in zip(one.expressions, other.expressions, strict=False):
                self._equality(left.unnest(), right.unnest(), place)
            return
        for column, compared in ((one, other), (other, one)):
            listed = _any_of(compared)
            if listed is not None:
                self._equal_to_any(column, listed, place)
                return
            if isinstance(compared, exp.Query):
                self._equal_to_query(column, compared, place)
                return
        if has_query(one) or has_query(other):
            self.queries_in(place.scope, one, other)
            return
        left, right = self._value(one, place), self._value(other, place)
        self.equate(left, right, place)
        if left is None and right == "constant":
            self._otherwise(one, place)
        elif right is None and left == "constant":
            self._otherwise(other, place)

    def _membership(self, tree: exp.In, place: Place) -> None:
        columns = tree.this.unnest()
        columns = columns.expressions if isinstance(columns, exp.Tuple) else [columns]
        query = tree.args.get("query")
        if query is not None:
            self._in_query(columns, query, place)
        elif has_query(tree) or any(self._value(item, place) != "constant" for item in tree.expressions):
            self.queries_in(place.scope, tree)
        else:
            # pg_stat_statements 18 shortens a list to its first item and a comment.
            shortened = any(node.comments for node in tree.walk())
            several = len(tree.expressions) > 1 or shortened
            for column in columns:
                self._listed(column, "listed" if several else "equal", place)

    def _equal_to_any(self, column: exp.Expr, listed: exp.Expr, place: Place) -> None:
        if isinstance(listed, exp.Query):
            self._in_query([column], listed, place)
        elif self._value(listed, place) == "constant":
            self._listed(column, "listed", place)
        else:
            self.queries_in(place.scope, column, listed)

    def _listed(self, column: exp.Expr, comparison: Comparison, place: Place) -> None:
        value = self._value(column, place)
        if isinstance(value, tuple):
            self._note(value, comparison, place)
        elif value is None and not has_query(column):
            self._otherwise(column, place)

    def _in_query(self, columns: Sequence[exp.Expr], query: exp.Expr, place: Place) -> None:
        """`columns IN (SELECT ...)`."""
        before = len(self.facts)
        returned = self._semi_join(query, place)
        for column, value in zip(columns, (returned.columns or {}).values(), strict=False):
            mine = self._value(column, place)
            if not isinstance(mine, tuple):
                continue
            if isinstance(value, tuple):
                rule = equalities.STRICT if place.strict else equalities.SAME
                self._join_query(mine, value, rule, rule)
            if value == "constant" or len(self.facts) > before:
                self._note(mine, "otherwise", place)

    def _equal_to_query(self, column: exp.Expr, query: exp.Expr, place: Place) -> None:
        """`column = (SELECT ...)`: one value, found without a look at the rows around."""
        before = len(self.facts)
        returned = self._queries.query(query, place.scope)
        mine = self._value(column, place)
        value = next(iter((returned.columns or {}).values()), None)
        if not isinstance(mine, tuple):
            return
        if value == "constant":
            self._note(mine, "equal", place)
            return
        if isinstance(value, tuple):
            self._join_query(mine, value, equalities.NOTHING, equalities.STRICT)
        if len(self.facts) > before:
            self._note(mine, "otherwise", place)

    def _semi_join(self, query: exp.Expr, place: Place) -> Source:
        if place.strict:
            return self._queries.query(query, place.scope, forth=equalities.STRICT, back=equalities.STRICT)
        return self._queries.query(query, place.scope)

    def _alternatives(self, tree: exp.Or, place: Place) -> None:
        """A column that every branch compares is compared; one that only some do is not."""
        if has_query(tree):
            self.queries_in(place.scope, tree)
            return
        branches: list[dict[Node, Fact]] = []
        facts, edges, links, joined = self.facts, self.edges, self.links, self.joined
        for branch in tree.flatten():
            self.facts, self.edges, self.links, self.joined = [], [], [], set()
            self.read(branch, place)
            branches.append({fact.node: fact for fact in self.facts})
        self.facts, self.edges, self.links, self.joined = facts, edges, links, joined
        for node in branches[0].keys() & set.intersection(*(set(branch) for branch in branches)):
            same = [branch[node] for branch in branches]
            by_value = all(fact.comparison in ("equal", "listed") for fact in same)
            held = [fact for fact in same if fact.comparison not in ("above", "below")]
            if len(held) == len(same):
                comparison: Comparison = "listed" if by_value else "otherwise"
                self.facts.append(Fact(node, comparison, min(fact.hold for fact in same)))

    def _limit(
        self, column: exp.Expr, limit: exp.Expr, comparison: Literal["above", "below"], place: Place
    ) -> None:
        column, limit = column.unnest(), limit.unnest()
        if isinstance(column, exp.Tuple) and isinstance(limit, exp.Tuple):
            # A row comparison bounds its first column.
            column, limit = column.expressions[0], limit.expressions[0]
        if self._value(limit, place) == "constant":
            value = self._value(column, place)
            if isinstance(value, tuple):
                self._note(value, comparison, place)

    def _otherwise(self, tree: exp.Expr, place: Place) -> None:
        for column in topmost(tree, exp.Column):
            value = self._value(column, place)
            if isinstance(value, tuple):
                self._note(value, "otherwise", place)

    # --- what is noted ---

    def _value(self, tree: exp.Expr, place: Place) -> Value:
        return self._names.value(tree, place.scope)

    def _note(self, nodes: tuple[Node, ...], comparison: Comparison, place: Place) -> None:
        for node in nodes:
            hold = place.hold(node.use)
            if hold is not Hold.NOT:
                self.facts.append(Fact(node, comparison, hold))

    def _mention(self, tree: exp.Expr, place: Place) -> None:
        nodes = [
            node
            for column in topmost(tree, exp.Column)
            for node in self._value(column, place) or ()
            if isinstance(node, Node)
        ]
        self.mentioned.update(nodes)
        uses = sorted({node.use for node in nodes})
        for position, one in enumerate(uses):
            for other in uses[position + 1 :]:
                self.links.append(Edge(one, other, *place.rules(one, other)))

    def _join(self, one: tuple[Node, ...], other: tuple[Node, ...], place: Place) -> None:
        for left in one:
            for right in other:
                if left.use != right.use:
                    forth, back = place.rules(left.use, right.use)
                    self._tie(
                        left, right, forth if len(one) == 1 else _NONE, back if len(other) == 1 else _NONE
                    )

    def _join_query(self, one: tuple[Node, ...], other: tuple[Node, ...], forth: Rule, back: Rule) -> None:
        for left in one:
            for right in other:
                self._tie(left, right, forth if len(one) == 1 else _NONE, back if len(other) == 1 else _NONE)

    def _tie(self, one: Node, other: Node, forth: Rule, back: Rule) -> None:
        self.joined.update((one, other))
        self.edges.append(Edge(one, other, forth, back))
        self.links.append(Edge(one.use, other.use, forth, back))


def _loosened(edge: Edge[Thing]) -> Edge[Thing]:
    forth, back = (equalities.SAME if rule == equalities.STRICT else rule for rule in (edge.forth, edge.back))
    return Edge(edge.one, edge.other, forth, back)


def _any_of(tree: exp.Expr) -> exp.Expr | None:
    """What ANY or SOME picks from."""
    picked: exp.Expr | None = None
    if isinstance(tree, exp.Any):
        picked = tree.this
    elif isinstance(tree, exp.Anonymous) and tree.name.upper() == "SOME":
        picked = tree.expressions[0]
    return picked.unnest() if picked is not None else None


def topmost(tree: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The nodes of a kind that stand in no sub-query of the tree, and in no other node of the kind."""
    for node in tree.walk(prune=lambda node: isinstance(node, (kind, exp.Query))):
        if isinstance(node, kind):
            yield node


def has_query(tree: exp.Expr) -> bool:
    return tree.find(exp.Query) is not None
