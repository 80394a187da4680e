"""Reads a policy's expression: what it mentions, what it needs an index for, and when it is true.

`pg_get_expr` output is parsed, never matched by pattern, and each distinct text once: ten thousand tables with
the same policy cost one parse. A text that cannot be parsed, and every part that is not understood, is opaque:
no rule draws a conclusion from it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from tenfold.rules.tenancy import _truth
from tenfold.rules.tenancy._truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

#: Names a function is called by, and its SQL body.
Bodies = tuple[tuple[str, str], ...]

# Distinct texts that are kept: far more than a schema written by people has.
_KEPT = 65_536


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one expression. The truths are for a row that belongs to another tenant."""

    #: True whatever the setting, or not known to be.
    whatever: Truth = _truth.UNKNOWN
    unset: Truth = _truth.UNKNOWN
    empty: Truth = _truth.UNKNOWN
    set: Truth = _truth.UNKNOWN
    #: Custom settings that it reads.
    settings: frozenset[str] = frozenset()
    #: Columns that it mentions, of whichever relation.
    columns: frozenset[str] = frozenset()
    #: Something in it is not understood: a function, a relation, the current user, an operator.
    opaque: bool = True
    #: Settings that are read for each row, and functions called for each row, as they are written.
    settings_per_row: frozenset[str] = frozenset()
    calls_per_row: frozenset[str] = frozenset()
    #: Columns that only an OR with a term that is the same for every row mentions.
    or_columns: frozenset[str] = frozenset()
    #: Columns compared through a cast, with the type that each is cast to.
    cast_columns: tuple[tuple[str, str], ...] = ()

    @property
    def opens(self) -> tuple[str, ...]:
        """The states of the setting in which it lets in a row that it hides from another tenant."""
        states = (("never set", self.unset), ("empty", self.empty))
        return tuple(
            state for state, found in states if found.always or (found.sometimes and self.set.never)
        )

    @property
    def names_nobody(self) -> bool:
        """It is the same whoever asks: no setting, nothing that could stand for one."""
        return not self.settings and not self.opaque

    def ignores(self, column: str) -> bool:
        """Surely the same for rows that differ only in that column."""
        return not self.opaque and column not in self.columns

    def is_only_about(self, column: str) -> bool:
        """It compares that column with one setting and says nothing else."""
        return not self.opaque and self.columns <= {column} and len(self.settings) == 1


#: Of an expression that cannot be parsed.
OPAQUE = Reading()


@lru_cache(maxsize=_KEPT)
def read(text: str, bodies: Bodies = ()) -> Reading:
    """The reading of an expression; `bodies` are of the functions without arguments that it may call."""
    from tenfold.rules.tenancy._evaluate import World, evaluate

    tree = parse(text)
    if tree is None:
        return OPAQUE
    functions = {name: body for name, source in bodies if (body := _body(source)) is not None}
    conjuncts = tuple(_terms(tree, "and"))
    return Reading(
        whatever=evaluate(tree, World.ANY, functions),
        unset=evaluate(tree, World.UNSET, functions),
        empty=evaluate(tree, World.EMPTY, functions),
        set=evaluate(tree, World.SET, functions),
        settings=_settings(tree),
        columns=_columns(tree.walk()),
        opaque=_is_opaque(tree),
        settings_per_row=frozenset().union(*(_settings_per_row(conjunct) for conjunct in conjuncts)),
        calls_per_row=frozenset().union(*(_calls_per_row(conjunct) for conjunct in conjuncts)),
        or_columns=_or_columns(conjuncts),
        cast_columns=tuple(sorted(_cast_columns(tree))),
    )


@lru_cache(maxsize=256)
def parse(text: str) -> exp.Expr | None:
    """The expression's tree, not to be changed; None where it cannot be parsed."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(text, dialect="postgres")
    except SqlglotError:
        return None


def _body(source: str) -> exp.Expr | None:
    """What a function of one SELECT gives back."""
    from tenfold.rules.tenancy._evaluate import lone_projection

    tree = parse(source)
    return lone_projection(tree) if tree is not None else None


# --- walking ---


def _terms(node: exp.Expr, operator: str) -> Iterator[exp.Expr]:
    """The operands of a chain of AND or OR, through parentheses."""
    from sqlglot import exp

    bare = node
    while isinstance(bare, exp.Paren):
        bare = bare.this
    if bare.key == operator:
        yield from _terms(bare.this, operator)
        yield from _terms(bare.expression, operator)
    else:
        yield bare


def outside(node: exp.Expr) -> Iterator[exp.Expr]:
    """The node and all below it, without what stands in a sub-select: that is evaluated once."""
    from sqlglot import exp

    return node.walk(prune=lambda part: isinstance(part, exp.Query))


def _columns(nodes: Iterator[exp.Expr]) -> frozenset[str]:
    from sqlglot import exp

    from tenfold.rules.tenancy._evaluate import is_keyword

    return frozenset(node.name for node in nodes if isinstance(node, exp.Column) and not is_keyword(node))


def _settings(tree: exp.Expr) -> frozenset[str]:
    from tenfold.rules.tenancy._evaluate import bare_setting

    return frozenset(name for node in tree.walk() if (name := bare_setting(node)) is not None)


def is_by_row(node: exp.Expr) -> bool:
    """Whether it mentions a column outside a sub-select."""
    return bool(_columns(outside(node)))


# --- what is understood ---


def _is_opaque(tree: exp.Expr) -> bool:
    return any(not understood(node) for node in tree.walk())


def understood(node: exp.Expr) -> bool:
    """Whether the node's meaning is known here, so that it can be judged and written again."""
    from sqlglot import exp

    from tenfold.rules.tenancy._evaluate import bare_setting, is_keyword, lone_projection

    match node:
        case exp.Anonymous():
            return bare_setting(node) is not None
        case exp.Column():
            return not is_keyword(node) and not isinstance(node.this, exp.Star)
        case exp.Select() | exp.Subquery():
            return lone_projection(node) is not None
        case exp.In():
            return node.args.get("query") is None or lone_projection(node.args["query"]) is not None
        case _:
            return node.key in _UNDERSTOOD


_UNDERSTOOD = frozenset(
    """
    add alias and any array between boolean case cast coalesce currentdate currenttimestamp datatype
    datatypeparam div dot dpipe eq gt gte identifier if is like literal lower lt lte mul neg neq not null nullif
    nullsafeeq nullsafeneq or paren sub trim upper
    """.split()
)


# --- what it costs ---


def _settings_per_row(conjunct: exp.Expr) -> frozenset[str]:
    """Settings read outside a sub-select, in a condition that has to be evaluated for each row."""
    from tenfold.rules.tenancy._evaluate import bare_setting

    # A condition without columns is evaluated once, before the scan.
    if not is_by_row(conjunct):
        return frozenset()
    return frozenset(name for node in outside(conjunct) if (name := bare_setting(node)) is not None)


def _calls_per_row(conjunct: exp.Expr) -> frozenset[str]:
    """Functions without arguments called outside a sub-select, in a condition on a row, as written."""
    from sqlglot import exp

    if not is_by_row(conjunct):
        return frozenset()
    calls = [node for node in outside(conjunct) if isinstance(node, exp.Anonymous) and not node.expressions]
    return frozenset(called(node) for node in calls)


def called(call: exp.Expr) -> str:
    """The function's name as written, with its schema where that is written."""
    from sqlglot import exp

    whole = call.parent if isinstance(call.parent, exp.Dot) else call
    return whole.sql(dialect="postgres", normalize_functions=False).removesuffix("()")


def _or_columns(conjuncts: tuple[exp.Expr, ...]) -> frozenset[str]:
    blocked: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    for conjunct in conjuncts:
        arms = tuple(_terms(conjunct, "or"))
        mentioned = _columns(outside(conjunct))
        if any(is_same_for_all_rows(arm) for arm in arms):
            blocked |= mentioned
        else:
            free |= mentioned
    return blocked - free


def is_same_for_all_rows(arm: exp.Expr) -> bool:
    """Whether it reads a setting or calls a function, and no row: known only when the statement runs."""
    from sqlglot import exp

    from tenfold.rules.tenancy._evaluate import is_keyword

    nodes = list(arm.walk())
    if any(isinstance(node, exp.From) for node in nodes) or _columns(iter(nodes)):
        return False
    return any(
        isinstance(node, exp.Anonymous) or (isinstance(node, exp.Column) and is_keyword(node))
        # CURRENT_USER and its kin are nodes of their own.
        or node.key in ("currentuser", "sessionuser", "currentrole")
        for node in nodes
    )


def _cast_columns(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    from sqlglot import exp

    for node in outside(tree):
        if not isinstance(node, exp.EQ):
            continue
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            found = cast_column(side)
            if found is not None and not is_by_row(other):
                yield found


def cast_column(side: exp.Expr) -> tuple[str, str] | None:
    """The column and the type of `column::type`; None for anything else."""
    from sqlglot import exp

    from tenfold.rules.tenancy._evaluate import is_keyword

    side = side.unnest()
    if not isinstance(side, exp.Cast):
        return None
    column = side.this
    while isinstance(column, exp.Cast | exp.Paren):
        column = column.this
    if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star) or is_keyword(column):
        return None
    return column.name, side.args["to"].sql(dialect="postgres").lower()
