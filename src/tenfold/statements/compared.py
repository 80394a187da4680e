"""What each `$n` of a statement is compared with. Pure, by sqlglot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tenfold.statements.text import parse

if TYPE_CHECKING:
    from sqlglot import exp

#: How a parameter meets its column: `=`, `<` or `>` (the column is below or above it), LIKE, = ANY, a value
#: that is written, or the number of rows wanted or skipped.
Meeting = Literal["equal", "below", "above", "like", "any", "written", "limit", "offset", "other"]


class Compared(NamedTuple):
    """The other side of one parameter."""

    meeting: Meeting
    #: The table as the statement names it, quoted as there; None where that is not clear.
    table: str | None = None
    #: The expression it is compared with; mostly a column.
    other: exp.Expr | None = None

    @property
    def column(self) -> str | None:
        """The column, where it is a bare one."""
        from sqlglot import exp

        return self.other.name if isinstance(self.other, exp.Column) else None


def compared(statement: str) -> dict[int, Compared]:
    """By parameter number; empty where the statement cannot be read."""
    from sqlglot import exp

    tree = parse(statement)
    if tree is None:
        return {}
    tables = {
        table.alias_or_name: table.sql("postgres", comments=False).split(" AS ")[0]
        for table in tree.find_all(exp.Table)
    }
    found: dict[int, Compared] = {}
    for parameter in tree.find_all(exp.Parameter):
        number = int(parameter.name)
        if number not in found or found[number].other is None:
            found[number] = _of(tree, parameter, tables)
    return found


def _of(tree: exp.Expr, parameter: exp.Parameter, tables: dict[str, str]) -> Compared:
    from sqlglot import exp

    if parameter.find_ancestor(exp.Limit, exp.Fetch) is not None:
        return Compared("limit")
    if parameter.find_ancestor(exp.Offset) is not None:
        return Compared("offset")
    written = _inserted(tree, parameter) or _set(parameter)
    meeting, other = ("written", written) if written is not None else _other_side(parameter)
    if other is None:
        return Compared("other")
    return Compared(meeting, _table_of(tree, other, tables), other)


def _table_of(tree: exp.Expr, other: exp.Expr, tables: dict[str, str]) -> str | None:
    from sqlglot import exp

    column = other if isinstance(other, exp.Column) else other.find(exp.Column)
    if column is not None and column.table and column.table in tables:
        return tables[column.table]
    if len(tables) == 1:
        return next(iter(tables.values()))
    return _target(tree) or next(iter(tables.values()), None)


def _target(tree: exp.Expr) -> str | None:
    from sqlglot import exp

    target = tree.this if isinstance(tree, exp.Insert | exp.Update | exp.Delete) else None
    table = target.find(exp.Table) if target is not None else None
    return table.sql("postgres").split(" AS ")[0] if table is not None else None


def _inserted(tree: exp.Expr, parameter: exp.Parameter) -> exp.Expr | None:
    """The column that an INSERT puts the parameter into."""
    from sqlglot import exp

    row = parameter.find_ancestor(exp.Tuple)
    if not isinstance(tree, exp.Insert) or row is None or not isinstance(tree.this, exp.Schema):
        return None
    position = next((at for at, value in enumerate(row.expressions) if parameter in value.walk()), None)
    if position is None or position >= len(tree.this.expressions):
        return None
    return exp.column(tree.this.expressions[position].name)


def _set(parameter: exp.Parameter) -> exp.Expr | None:
    """The column that an UPDATE gives the parameter to."""
    from sqlglot import exp

    node = parameter.find_ancestor(exp.EQ, exp.Where)
    if not isinstance(node, exp.EQ) or not isinstance(node.parent, exp.Update):
        return None
    return node.this if isinstance(node.this, exp.Column) else None


def _other_side(parameter: exp.Parameter) -> tuple[Meeting, exp.Expr | None]:
    from sqlglot import exp

    node: exp.Expr = parameter
    parent = node.parent
    while parent is not None and (
        not isinstance(parent, exp.Predicate | exp.Binary) or isinstance(parent, exp.SubqueryPredicate)
    ):
        node, parent = parent, parent.parent
    # `$2 + interval '7 days'` stands on one side of a comparison: climb to it.
    while parent is not None and isinstance(parent, exp.Add | exp.Sub) and parent.parent is not None:
        node, parent = parent, parent.parent
    if parent is None:
        return "other", None
    other = _beside(parent, node)
    if isinstance(node, exp.Tuple) and isinstance(other, exp.Tuple):
        other = _same_place(node, other, parameter)
    if other is None or other.find(exp.Column) is None:
        return "other", None
    return _meeting(parent, node), other


def _beside(comparison: exp.Expr, node: exp.Expr) -> exp.Expr | None:
    from sqlglot import exp

    sides = [comparison.args.get("this"), comparison.args.get("expression")]
    others = [side for side in sides if isinstance(side, exp.Expr) and side is not node]
    return others[0] if others else None


def _same_place(row: exp.Tuple, other: exp.Tuple, parameter: exp.Parameter) -> exp.Expr | None:
    """Of `(a, b) < ($1, $2)`: what the parameter itself is compared with."""
    pairs = zip(row.expressions, other.expressions, strict=False)
    return next((across for item, across in pairs if parameter in item.walk()), None)


def _meeting(comparison: exp.Expr, node: exp.Expr) -> Meeting:
    from sqlglot import exp

    on_the_left = comparison.args.get("this") is node
    match comparison:
        case exp.EQ() if isinstance(node, exp.Any):
            return "any"
        case exp.EQ() | exp.In() | exp.NullSafeEQ():
            return "equal"
        case exp.LT() | exp.LTE():
            return "above" if on_the_left else "below"
        case exp.GT() | exp.GTE():
            return "below" if on_the_left else "above"
        case exp.Between():
            return "above" if comparison.args.get("low") is node else "below"
        case exp.Like() | exp.ILike():
            return "like"
        case _:
            return "other"
