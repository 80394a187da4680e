"""Reads WHERE and ON: which columns rows have equal, to each other or to values, if they meet it.

What is not understood says nothing; its sub-queries are read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from sqlglot import exp

from tenfold.runtime.guard.facts import NOTHING, Column, Equal, Said, both, either
from tenfold.runtime.guard.rows import Rows
from tenfold.runtime.guard.scope import Block
from tenfold.runtime.guard.values import Computed, Constant, Parameter, Value

#: What an expression is: a column, one of these values, or something else.
Term: TypeAlias = Column | frozenset[Value] | None

# They stand for several values, and nothing says which. A comparison with ALL is written as a function, too.
_GIVE_ROWS = frozenset(
    """generate_series generate_subscripts json_array_elements json_array_elements_text jsonb_array_elements
    jsonb_array_elements_text regexp_split_to_table regexp_matches string_to_table jsonb_path_query unnest
    json_object_keys jsonb_object_keys all some any""".split()
)


class ReadsQueries(Protocol):
    def query(self, tree: exp.Expr, around: Block | None) -> Rows: ...

    def exists(self, tree: exp.Expr, around: Block) -> Said:
        """Reads a query of which a row is demanded; what its columns, and those around, then are."""
        ...


class Conditions:
    def __init__(self, queries: ReadsQueries) -> None:
        self._queries = queries

    def read(self, tree: exp.Expr, block: Block, known: Said = NOTHING) -> Said:
        """What a condition says, with what is known besides."""
        tree = bare(tree)
        match tree:
            case exp.And():
                # An alternative is judged with what the other parts say.
                parts = sorted(_flat(tree, exp.And), key=lambda part: isinstance(bare(part), exp.Or))
                for part in parts:
                    known = self.read(part, block, known)
                return known
            case exp.Or():
                first, *others = [self.read(part, block, known) for part in _flat(tree, exp.Or)]
                for other in others:
                    first = either(first, other)
                return both(known, first)
        return both(known, self._simple(tree, block))

    def term(self, tree: exp.Expr, block: Block) -> Term:
        """What an expression is; reads the sub-queries in it."""
        tree = bare(tree)
        match tree:
            case exp.Cast() | exp.TryCast() | exp.Collate():
                return self.term(tree.this, block)
            case exp.Column():
                return None if isinstance(tree.this, exp.Star) else block.column(tree)
            case exp.Parameter():
                return _parameter(tree, listed=False)
            case exp.Literal():
                return frozenset({Constant(tree.name)})
            case exp.Neg(this=exp.Literal()):
                return frozenset({Constant(f"-{tree.this.name}")})
            case exp.Subquery() | exp.Select() | exp.SetOperation():
                return self._queries.query(tree, block).at(0)
            case exp.Null() | exp.Var() | exp.Any() | exp.All():
                self.queries_in(block, tree)
                return None
            case exp.Unnest() | exp.Explode():
                values = self.elements(tree, block)
                return values[0] if len(values) == 1 else None
        self.queries_in(block, tree)
        if tree.find(exp.Column, exp.Query, exp.Star, exp.Unnest, exp.UDTF) is not None:
            return None
        if any(_gives_rows(each) for each in tree.find_all(exp.Func)):
            return None
        return frozenset({Computed()})

    def elements(self, tree: exp.Expr, block: Block) -> list[Term]:
        """What the columns of `unnest(...)` are."""
        given = tree.expressions if isinstance(tree, exp.Unnest) else [tree.this]
        return [self._element(each, block) for each in given]

    def queries_in(self, block: Block, *trees: object) -> None:
        """Reads the sub-queries of expressions that say nothing of rows around them."""
        for tree in trees:
            if isinstance(tree, list):
                self.queries_in(block, *tree)
            elif isinstance(tree, exp.Expr):
                for query in _topmost(tree):
                    self._queries.query(query, block)

    # --- one condition that is neither AND nor OR ---

    def _simple(self, tree: exp.Expr, block: Block) -> Said:
        match tree:
            case exp.EQ() | exp.NullSafeEQ():
                return self._equality(tree.this, tree.expression, block)
            case exp.Operator() if tree.args["operator"] in ("=", "pg_catalog.="):
                return self._equality(tree.this, tree.expression, block)
            case exp.In():
                return self._membership(tree, block)
            case exp.Exists():
                return self._queries.exists(tree.this, block)
            case exp.Is(expression=exp.Boolean()) if tree.expression.this and not tree.args.get("negate"):
                return self.read(tree.this, block)
        self.queries_in(block, tree)
        return NOTHING

    def _equality(self, one: exp.Expr, other: exp.Expr, block: Block) -> Said:
        one, other = bare(one), bare(other)
        if (listed := _any_of(other)) is not None:
            return self._any(one, listed, block)
        left, right = parts(one), parts(other)
        if len(left) > 1 and isinstance(other, exp.Subquery):
            return self._row_of(left, other, block)
        if len(left) != len(right):
            self.queries_in(block, one, other)
            return NOTHING
        return both(
            *(_equal(self.term(a, block), self.term(b, block)) for a, b in zip(left, right, strict=True))
        )

    def _any(self, one: exp.Expr, listed: exp.Expr, block: Block) -> Said:
        """`one = ANY (listed)`."""
        if isinstance(listed, exp.Query | exp.Subquery):
            return self._row_of(parts(one), listed, block)
        return _equal(self.term(one, block), self._element(listed, block))

    def _element(self, listed: exp.Expr, block: Block) -> Term:
        """What an element of an array is."""
        listed = bare(listed)
        match listed:
            case exp.Cast() | exp.TryCast():
                return self._element(listed.this, block)
            case exp.Parameter():
                return _parameter(listed, listed=True)
            case exp.Array(expressions=[exp.Query() as query]):
                return self._queries.query(query, block).at(0)
            case exp.Array():
                return _one_of([self.term(each, block) for each in listed.expressions])
        self.queries_in(block, listed)
        return None

    def _membership(self, tree: exp.In, block: Block) -> Said:
        left = parts(tree.this)
        query = tree.args.get("query")
        if query is not None:
            return self._row_of(left, query, block)
        rows = [parts(row) for row in tree.expressions]
        if not rows or any(len(row) != len(left) for row in rows):
            self.queries_in(block, tree)
            return NOTHING
        return both(
            *(
                _equal(self.term(each, block), _one_of([self.term(row[n], block) for row in rows]))
                for n, each in enumerate(left)
            )
        )

    def _row_of(self, left: Sequence[exp.Expr], query: exp.Expr, block: Block) -> Said:
        """`(a, b) IN (SELECT ...)`: one of its rows is demanded."""
        rows = self._queries.query(query, block)
        return both(*(_equal(self.term(each, block), rows.at(n)) for n, each in enumerate(left)))


def _equal(one: Term, other: Term) -> Said:
    if one is None or other is None:
        return NOTHING
    columns = frozenset(term for term in (one, other) if isinstance(term, Column))
    values = frozenset().union(*(term for term in (one, other) if not isinstance(term, Column)))
    return [Equal(columns, values)] if columns else NOTHING


def _one_of(terms: Sequence[Term]) -> Term:
    """What one of these is, whichever."""
    if len(terms) == 1:
        return terms[0]
    values = [term for term in terms if isinstance(term, frozenset)]
    return frozenset().union(*values) if terms and len(values) == len(terms) else None


def _parameter(tree: exp.Parameter, *, listed: bool) -> Term:
    number = tree.this.name if isinstance(tree.this, exp.Literal) else ""
    return frozenset({Parameter(int(number), listed) if number.isdigit() else Computed()})


def bare(tree: exp.Expr) -> exp.Expr:
    """Without parentheses."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree


def parts(tree: exp.Expr) -> list[exp.Expr]:
    """Of a row its values, else the one."""
    tree = bare(tree)
    if isinstance(tree, exp.Tuple) or (isinstance(tree, exp.Anonymous) and tree.name.upper() == "ROW"):
        return list(tree.expressions)
    return [tree]


def _flat(tree: exp.Expr, kind: type[exp.And] | type[exp.Or]) -> list[exp.Expr]:
    """The parts of a chain. Not by recursion: there are chains of hundreds."""
    found: list[exp.Expr] = []
    waiting = [tree]
    while waiting:
        each = bare(waiting.pop())
        if isinstance(each, kind):
            waiting += [each.expression, each.this]
        else:
            found.append(each)
    return found


def _any_of(tree: exp.Expr) -> exp.Expr | None:
    """What ANY or SOME picks from."""
    if isinstance(tree, exp.Any):
        return bare(tree.this)
    if isinstance(tree, exp.Anonymous) and tree.name.upper() == "SOME" and tree.expressions:
        return bare(tree.expressions[0])
    return None


def _gives_rows(function: exp.Expr) -> bool:
    name = (function.name if isinstance(function, exp.Anonymous) else function.key).lower()
    return name in _GIVE_ROWS or "generateseries" in name


def _topmost(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The queries in an expression that stand in no other of them."""
    for node in tree.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, exp.Query):
            yield node
