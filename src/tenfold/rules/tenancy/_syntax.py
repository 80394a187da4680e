"""The parts of a policy's expression: terms, columns, settings, calls, and what is evaluated for each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

# Nodes whose meaning is known here, by key; those that need a look at their parts are in `understood`.
_UNDERSTOOD = frozenset(
    """
    add alias and any array between boolean case cast coalesce currentdate currenttimestamp datatype
    datatypeparam div dpipe eq gt gte identifier if is like literal lower lt lte mul neg neq not null
    nullif nullsafeeq nullsafeneq or paren sub trim upper
    """.split()
)
_SESSION_USERS = frozenset({"currentuser", "sessionuser", "currentrole"})


@lru_cache(maxsize=256)
def parse(text: str) -> exp.Expr | None:
    """The expression's tree, not to be changed; None where it cannot be parsed."""
    try:
        return sqlglot.parse_one(text, dialect="postgres")
    except SqlglotError:
        return None


# --- single nodes ---


def setting_read(node: exp.Expr) -> str | None:
    """The name of the custom setting that a `current_setting(...)` call reads; None for any other node."""
    if not isinstance(node, exp.Anonymous) or node.name.lower() != "current_setting" or not node.expressions:
        return None
    name = node.expressions[0]
    while isinstance(name, exp.Cast | exp.Paren):
        name = name.this
    if not isinstance(name, exp.Literal):
        return None
    # The server's own settings have no dot, and always have a value.
    text: str = name.name
    return text if "." in text else None


def is_column(node: exp.Expr) -> bool:
    """Whether it is one column, and neither a whole row nor a keyword, such as USER in capitals."""
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        return False
    return bool(node.this.quoted) or node.name == node.name.lower()


def lone_projection(query: exp.Expr) -> exp.Expr | None:
    """What `(SELECT x)` selects, where it reads no relation and does nothing else."""
    while isinstance(query, exp.Subquery | exp.Paren):
        if any(value for key, value in query.args.items() if key != "this"):
            return None
        query = query.this
    if not isinstance(query, exp.Select) or len(query.expressions) != 1:
        return None
    if any(value for key, value in query.args.items() if key != "expressions"):
        return None
    projection: exp.Expr = query.expressions[0].unalias()
    return projection


def cast_column(side: exp.Expr) -> tuple[str, str] | None:
    """The column and the type of `column::type`; None for anything else."""
    side = side.unnest()
    if not isinstance(side, exp.Cast):
        return None
    column = side.this
    while isinstance(column, exp.Cast | exp.Paren):
        column = column.this
    return (column.name, side.args["to"].sql(dialect="postgres").lower()) if is_column(column) else None


def understood(node: exp.Expr) -> bool:
    """Whether the node's meaning is known here, so that it can be judged and written again."""
    match node:
        case exp.Anonymous():
            return setting_read(node) is not None
        case exp.Column():
            return is_column(node)
        case exp.Select() | exp.Subquery():
            return lone_projection(node) is not None
        case exp.In():
            return node.args.get("query") is None or lone_projection(node.args["query"]) is not None
        case _:
            return node.key in _UNDERSTOOD


def sql_of(node: exp.Expr) -> str:
    return node.sql(dialect="postgres", normalize_functions=False)


# --- whole trees ---


def terms(node: exp.Expr, operator: str) -> Iterator[exp.Expr]:
    """The operands of a chain of "and" or "or", through parentheses."""
    bare = node.unnest()
    if bare.key == operator:
        yield from terms(bare.this, operator)
        yield from terms(bare.expression, operator)
    else:
        yield bare


def outside(node: exp.Expr) -> Iterator[exp.Expr]:
    """The node and all below it, without what stands in a sub-select: that is evaluated once."""
    return node.walk(prune=lambda part: isinstance(part, exp.Query))


def columns(nodes: Iterable[exp.Expr]) -> frozenset[str]:
    return frozenset(node.name for node in nodes if is_column(node))


def settings(nodes: Iterable[exp.Expr]) -> frozenset[str]:
    return frozenset(name for node in nodes if (name := setting_read(node)) is not None)


def has_constants(tree: exp.Expr) -> bool:
    """Whether it mentions a value of its own: more than the empty string, and the settings that it reads."""
    allowed = {"", *settings(tree.walk())}
    return any(
        node.name not in allowed
        for node in tree.walk()
        if isinstance(node, exp.Literal) and not isinstance(node.parent, exp.DataTypeParam)
    )


def calls(nodes: Iterable[exp.Expr]) -> frozenset[str]:
    """Names of functions called without arguments, as written, with the schema where that is written."""
    found = (node for node in nodes if isinstance(node, exp.Anonymous) and not node.expressions)
    whole = (node.parent if isinstance(node.parent, exp.Dot) else node for node in found)
    return frozenset(sql_of(node).removesuffix("()") for node in whole)


def is_by_row(node: exp.Expr) -> bool:
    """Whether it mentions a column outside a sub-select: if not, it is evaluated once, before the scan."""
    return any(is_column(part) for part in outside(node))


def is_same_for_all_rows(arm: exp.Expr) -> bool:
    """Whether it reads a setting or calls a function, and no row: known only when the statement runs."""
    nodes = list(arm.walk())
    if any(isinstance(node, exp.From) or is_column(node) for node in nodes):
        return False
    return any(isinstance(node, exp.Anonymous) or node.key in _SESSION_USERS for node in nodes)


def or_columns(conjuncts: Iterable[exp.Expr]) -> frozenset[str]:
    """Columns that stand only under an OR with a term that is the same for every row."""
    blocked: set[str] = set()
    free: set[str] = set()
    for conjunct in conjuncts:
        mentioned = columns(outside(conjunct))
        exempting = any(is_same_for_all_rows(arm) for arm in terms(conjunct, "or"))
        (blocked if exempting else free).update(mentioned)
    return frozenset(blocked - free)


def cast_columns(tree: exp.Expr) -> tuple[tuple[str, str], ...]:
    """Columns compared by `=` through a cast with something that is the same for every row."""
    found = set()
    for node in outside(tree):
        if not isinstance(node, exp.EQ):
            continue
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            cast = cast_column(side)
            if cast is not None and not is_by_row(other):
                found.add(cast)
    return tuple(sorted(found))
