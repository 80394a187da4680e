"""Writes a policy's expression anew: without the term that opens it, or with its setting read once.

Only an expression of which every part is understood is written again; the answer is None for all others, and
wherever the result would not be what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sqlglot import exp

from tenfold.model.ddl import literal
from tenfold.rules.tenancy._expressions import Reading, read
from tenfold.rules.tenancy._syntax import (
    cast_column,
    is_by_row,
    is_same_for_all_rows,
    outside,
    parse,
    sql_of,
    understood,
)

_KEPT = 4096


@lru_cache(maxsize=_KEPT)
def without_openings(text: str) -> str | None:
    """Without the terms of an OR that are true just while the setting is absent or empty."""
    new = _without_arms(text, lambda arm: is_same_for_all_rows(arm) and _only_opens(read(sql_of(arm))))
    return new if new is not None and not read(new).opens else None


@lru_cache(maxsize=_KEPT)
def without_exemptions(text: str) -> str | None:
    """Without the terms of an OR that are the same for every row."""
    new = _without_arms(text, is_same_for_all_rows)
    return new if new is not None and not read(new).or_columns else None


@lru_cache(maxsize=_KEPT)
def evaluated_once(text: str) -> str | None:
    """With settings and functions that are evaluated for each row moved into sub-selects.

    What only an error closed while the setting was empty, a sub-select may open: such a text stays as it is.
    """
    tree = _copied(text, calls=True)
    # The operand of ANY is a list or a sub-select, and the one would become the other.
    if tree is None or any(isinstance(node, exp.Any) and _varies_by_session(node) for node in outside(tree)):
        return None
    new = _written(_once(tree))
    if new is None or read(new).settings_per_row or read(new).calls_per_row:
        return None
    return new if set(read(new).opens) <= set(read(text).opens) else None


@lru_cache(maxsize=_KEPT)
def uncast(text: str, column: str, column_type: str) -> str | None:
    """With the other side cast to the column's type where `column::text = ...` compared texts."""
    tree = _copied(text)
    if tree is None:
        return None
    for node in list(tree.find_all(exp.EQ)):
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            found = cast_column(side)
            if found is None or found[0] != column or is_by_row(other):
                continue
            if found[1] not in ("text", "varchar") or isinstance(other, exp.Any):
                return None
            side.replace(exp.column(column, quoted=True))
            # An empty setting compared unequal before; it must not become an error of the cast now.
            other.replace(_parsed(f"NULLIF({sql_of(other)}, {literal('')})::{column_type}"))
    new = _written(tree)
    return new if new is not None and column not in dict(read(new).cast_columns) else None


def _only_opens(arm: Reading) -> bool:
    # A term that a setting can make true by its value is somebody's way to see all, and not ours to take.
    return bool(arm.opens) and arm.set.never


def _parsed(text: str) -> exp.Expr:
    tree = parse(text)
    assert tree is not None, "composed from parts that were parsed before"
    return tree.copy()


def _copied(text: str, *, calls: bool = False) -> exp.Expr | None:
    """A tree that may be changed; None where a part of it is not understood.

    `calls` admits functions without arguments: whatever they mean, they can be written as they were read.
    """
    tree = parse(text)
    if tree is None:
        return None
    known = all(understood(node) or (calls and _is_plain_call(node)) for node in tree.walk())
    return tree.copy() if known else None


def _is_plain_call(node: exp.Expr) -> bool:
    if isinstance(node, exp.Dot):
        return isinstance(node.expression, exp.Anonymous)
    return isinstance(node, exp.Anonymous) and not node.expressions


def _written(tree: exp.Expr) -> str | None:
    """The tree as SQL text; None where that text would not be read as this tree again."""
    text = sql_of(tree)
    return text if parse(text) == tree else None


def _without_arms(text: str, unwanted: Callable[[exp.Expr], bool]) -> str | None:
    tree = _copied(text)
    return _written(_pruned(tree, unwanted)) if tree is not None else None


def _pruned(node: exp.Expr, unwanted: Callable[[exp.Expr], bool]) -> exp.Expr:
    """The condition without the unwanted arms of its ORs; at least one arm of each stays."""
    if isinstance(node, exp.Paren):
        inner = _pruned(node.this, unwanted)
        return inner if isinstance(inner, exp.Paren) else exp.Paren(this=inner)
    if isinstance(node, exp.Or):
        if unwanted(node.this):
            return _pruned(node.expression, unwanted)
        if unwanted(node.expression):
            return _pruned(node.this, unwanted)
    if isinstance(node, exp.And | exp.Or):
        left, right = _pruned(node.this, unwanted), _pruned(node.expression, unwanted)
        return type(node)(this=left, expression=right)
    return node


def _once(node: exp.Expr) -> exp.Expr:
    """The node with its widest parts that are the same for every row put into sub-selects."""
    if isinstance(node, exp.Query) or not _varies_by_session(node):
        return node
    # A branch of CASE is no expression of its own; what stands in it is.
    if not is_by_row(node) and not isinstance(node, exp.If):
        return exp.Subquery(this=exp.Select(expressions=[node.unnest().copy()]))
    for child in list(node.iter_expressions()):
        moved = _once(child)
        if moved is not child:
            child.replace(moved)
    return node


def _varies_by_session(node: exp.Expr) -> bool:
    """Whether it reads a setting or calls a function outside a sub-select."""
    return any(isinstance(part, exp.Anonymous) for part in outside(node))
