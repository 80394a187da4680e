"""What a query does with the rows it has found: ORDER BY, GROUP BY, LIMIT, aggregates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlglot import exp

from tenfold.statements.scopes import Names, Scope, Value, spelt
from tenfold.statements.shape import Access, OrderKey

# Aggregates that the parser takes for any other function.
_AGGREGATES = frozenset(("jsonb_agg", "xmlagg", "range_agg", "range_intersect_agg"))

#: Name and value of each column that a query returns.
Returned = Sequence[tuple[str, Value]]


class Draft:
    """A TableUse in the making."""

    def __init__(self, relation: int, alias: str, access: Access) -> None:
        self.relation, self.alias, self.access = relation, alias, access
        self.order: tuple[OrderKey, ...] = ()
        self.grouped: frozenset[str] = frozenset()
        self.alone = self.limited = False
        self.supplies: frozenset[str] | None = None
        self.assigned: frozenset[str] = frozenset()


def mark(names: Names, uses: Sequence[Draft], tree: exp.Select, scope: Scope, returned: Returned) -> None:
    """Notes in the uses of a scope what its query sorts and groups by, and whether it has a LIMIT."""
    limited = has_limit(tree)
    for source in scope.sources.values():
        if source.use is not None:
            uses[source.use].limited = limited
    group, order = tree.args.get("group"), tree.args.get("order")
    if group is not None:
        _group(names, uses, group, scope, returned)
    condensed = group is not None or tree.args.get("distinct") is not None or gives_one_row(tree)
    if order is not None and not condensed:
        _order(names, uses, order, scope, returned)


def has_limit(tree: exp.Expr) -> bool:
    limit = tree.args.get("limit")
    if limit is None or isinstance(limit, exp.Fetch):
        return limit is not None
    count = limit.expression
    return not isinstance(count, exp.Null) and count.name.upper() != "ALL"


def gives_one_row(tree: exp.Expr) -> bool:
    """Whether it aggregates everything, or reads no table."""
    if not isinstance(tree, exp.Select) or tree.args.get("group") is not None:
        return False
    if tree.args.get("from_") is None:
        return True
    return any(
        _is_aggregate(node)
        for item in tree.expressions
        for node in item.walk(prune=lambda node: isinstance(node, exp.Query | exp.Window))
    )


def _group(names: Names, uses: Sequence[Draft], group: exp.Group, scope: Scope, returned: Returned) -> None:
    by_use: defaultdict[int, set[str]] = defaultdict(set)
    for item in group.expressions:
        # A bare name is an input column first.
        value = names.value(item, scope)
        if not isinstance(value, tuple):
            value = _output(item, returned, None)
        for node in value if isinstance(value, tuple) else ():
            by_use[node.use].add(node.column)
    for use, columns in by_use.items():
        uses[use].grouped = frozenset(columns)


def _order(names: Names, uses: Sequence[Draft], order: exp.Order, scope: Scope, returned: Returned) -> None:
    keys = []
    use = None
    for item in order.expressions:
        # A bare name is an output column first.
        value = _output(item.this, returned, names.value(item.this, scope))
        if not isinstance(value, tuple) or len(value) != 1:
            return
        use, column = value[0]
        if use not in scope.uses or not uses[use].alone:
            return
        nulls_first = item.args.get("nulls_first")
        descending = bool(item.args.get("desc"))
        keys.append(OrderKey(column, descending, descending if nulls_first is None else bool(nulls_first)))
    if use is not None:
        uses[use].order = tuple(keys)


def _output(item: exp.Expr, returned: Returned, otherwise: Value) -> Value:
    """The output column that `ORDER BY 1` or `ORDER BY name` means."""
    bare = item.unnest()
    if isinstance(bare, exp.Literal) and not bare.is_string:
        position = int(bare.this) - 1
        return returned[position][1] if 0 <= position < len(returned) else None
    if isinstance(bare, exp.Column) and bare.args.get("table") is None:
        return next((value for name, value in returned if name == spelt(bare.this)), otherwise)
    return otherwise


def _is_aggregate(node: exp.Expr) -> bool:
    known = isinstance(node, exp.AggFunc)
    return known or (isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES)
