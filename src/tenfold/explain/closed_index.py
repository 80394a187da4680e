"""Indexes that exist for a condition and cannot be used: by policies, a cast or a function. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.explain.conditions import Condition, conditions
from tenfold.explain.ground import Ground, Place
from tenfold.model.explained import Verdict
from tenfold.model.query_plan import PlanNode
from tenfold.model.relations import Column, Index, Relation
from tenfold.rules.tenancy._leakproof import leaky_function

#: Nodes that read a table's rows.
SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"})
#: Operators that a B-tree is searched by.
COMPARED = frozenset({"=", "<", "<=", ">", ">="})
#: Rows of a table below which no index is missed.
_SOME_ROWS = 1_000
# Casts between types whose values are the same bytes: they keep no index from being used.
_RELABELLED = frozenset({("character varying", "text"), ("cidr", "inet"), ("integer", "oid")})
# Operator classes for LIKE, which is no operator of the class.
_PATTERN_CLASSES = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})
_LIKE = "~~"


def not_leakproof(place: Place, ground: Ground) -> Iterator[Verdict]:
    """An index exists for the condition, and row-level security forbids to use it."""
    node = place.node
    relation = ground.relation(node)
    if relation is None or relation.rows < _SOME_ROWS or node.type not in SCANS or not ground.binds(relation):
        return
    for condition in conditions(node.filter):
        for index in ground.indexes(relation):
            why = _leak(index, condition, place, ground)
            if why is not None:
                yield Verdict(
                    "not-leakproof",
                    node.label,
                    place.path,
                    f"index {index.name} cannot be used: row-level security binds {ground.role}, and {why}",
                    "search by a leakproof = on a typed or generated column beside the tenant column; "
                    "`tenfold rules rls-operator-not-leakproof` tells the ways out",
                )
                break


def index_missed(place: Place, ground: Ground) -> Iterator[Verdict]:
    """An index on the column exists, and the condition compares a cast or a function of it."""
    node = place.node
    relation = ground.relation(node)
    if relation is None or relation.rows < _SOME_ROWS or node.type not in SCANS:
        return
    for condition in conditions(node.filter):
        for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
            column = ground.snapshot.column(relation.oid, side.column) if side.column else None
            if column is None or other.column is not None or condition.operator not in COMPARED:
                continue
            what = changed(column, side.cast, side.function)
            index = _leading(relation, column, ground) if what is not None else None
            if index is None or _has_expression(relation, side.text, ground):
                continue
            yield Verdict(
                "index-missed",
                node.label,
                place.path,
                f"{column.name} ({column.type}) is {what}, so that index {index.name} cannot be searched",
                _compare_itself(column, side.function),
            )


def conditions_of(node: PlanNode) -> tuple[Condition, ...]:
    """All conditions on the rows of a scan, those of a bitmap's indexes among them."""
    below = tuple(part for child in node.children for part in conditions(child.index_condition))
    return (*conditions(node.index_condition), *below, *conditions(node.filter))


def _leak(index: Index, condition: Condition, place: Place, ground: Ground) -> str | None:
    """Why this index, which has a key for this condition, is closed to a role that policies bind."""
    position = _key(index, condition, place, ground)
    if position is None:
        return None
    if index.columns[position] == 0:
        expression = (index.expressions or ("",))[list(index.columns[: position + 1]).count(0) - 1]
        leaky = leaky_function(expression)
        if leaky is not None:
            return f"its expression calls {leaky}, which is not leakproof"
    operator_class = ground.snapshot.operator_class_by_oid.get(index.opclasses[position])
    if operator_class is None:
        return None
    if condition.operator == _LIKE and operator_class.name in _PATTERN_CLASSES:
        found = [
            o for o in ground.operator_by_oid.values() if o.name == _LIKE and o.left == o.right == "text"
        ]
    else:
        known = (ground.operator_by_oid.get(oid) for oid in operator_class.operators)
        found = [each for each in known if each is not None and each.name == condition.operator]
    if not found or any(operator.leakproof for operator in found):
        return None
    return f"{condition.operator} ({found[0].function}) is not leakproof"


def _key(index: Index, condition: Condition, place: Place, ground: Ground) -> int | None:
    """The key to search the condition by: the first, one behind equalities, or any of a GIN index."""
    held = {part.left.column for part in conditions_of(place.node) if part.operator == "="}
    expressions = list(index.expressions or ())
    for position, number in enumerate(index.key_columns):
        if number == 0:
            expression = expressions.pop(0) if expressions else ""
            if _alike(expression, condition.left.text):
                return position
            name = None
        else:
            name = ground.snapshot.column_by_number[index.relation, number].name
            side = condition.left
            if name == side.column and side.function is None:
                return position
        if index.method != "gin" and name not in held:
            return None
    return None


def _alike(one: str, other: str) -> bool:
    return bool(one) and one.replace(" ", "").strip("()") == other.replace(" ", "").strip("()")


def changed(column: Column, cast: str | None, function: str | None) -> str | None:
    """What is done to the column before it is compared; None where that keeps an index usable."""
    if function is not None:
        return f"given to {function}()"
    if cast is None or column.type_kind == "d":
        return None
    base = column.type.partition("(")[0]
    if cast == base or (base, cast.partition("(")[0]) in _RELABELLED:
        return None
    return f"cast to {cast}"


def _leading(relation: Relation, column: Column, ground: Ground) -> Index | None:
    found = (
        index
        for index in ground.indexes(relation)
        if index.method in ("btree", "hash") and index.columns[0] == column.number
    )
    return next(found, None)


def _has_expression(relation: Relation, text: str, ground: Ground) -> bool:
    """Whether an index is made on just this expression, so that none is missed."""
    expressions = (text_ for index in ground.indexes(relation) for text_ in index.expressions or ())
    return any(_alike(expression, text) for expression in expressions)


def _compare_itself(column: Column, function: str | None) -> str:
    if function is not None:
        return f"compare {column.name} itself, such as by a range; or index the expression"
    return f"give the value as {column.type}, so that {column.name} need not be cast; or compare by a range"
