"""Evaluates a policy's expression for another tenant's row, in a world with the tenant setting in some state.

The row is one that the session's tenant does not own: a column compared with the setting, or with what the
expression makes of it, does not match. What is not understood is unknown, and nothing follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from sqlglot import exp

from tenfold.rules.tenancy import _truth as truth
from tenfold.rules.tenancy import _values as values
from tenfold.rules.tenancy._syntax import is_column, lone_projection, setting_read, sql_of
from tenfold.rules.tenancy._truth import Outcome, Truth
from tenfold.rules.tenancy._values import Kind, Value


class World(Enum):
    """The state of every run-time setting with a dotted name, such as `app.tenant_id`."""

    #: Nothing is known of it.
    ANY = "whatever the setting is"
    UNSET = "the setting was never set"
    #: What SET LOCAL and set_config(..., true) leave behind.
    EMPTY = "the setting is empty"
    SET = "the setting names the session's tenant"


def evaluate(node: exp.Expr, world: World, functions: Mapping[str, exp.Expr]) -> Truth:
    """What the boolean expression is in that world. `functions` has bodies by the call without arguments."""
    return _Evaluation(world, functions).truth(node)


class _Evaluation:
    """One expression in one world."""

    def __init__(self, world: World, functions: Mapping[str, exp.Expr]) -> None:
        self._world = world
        self._functions = functions

    def truth(self, node: exp.Expr) -> Truth:
        value = self.value(node)
        match value.kind:
            case Kind.BOOLEAN:
                return value.truth
            case Kind.NULL:
                return truth.NULL
            case Kind.ERROR:
                return truth.ERROR
            case Kind.LATE_ERROR:
                return truth.LATE_ERROR
            case Kind.COLUMN:
                return truth.BY_ROW
            case _:
                return truth.UNKNOWN

    def value(self, node: exp.Expr) -> Value:
        match node:
            case exp.Paren() | exp.Collate() | exp.Alias():
                return self.value(node.this)
            case exp.Null():
                return values.NULL
            case exp.Boolean():
                return values.boolean(truth.TRUE if node.this else truth.FALSE)
            case exp.Literal():
                return Value(Kind.CONSTANT, node.name)
            case exp.CurrentTimestamp() | exp.CurrentDate():
                return Value(Kind.CONSTANT, node.key)
            case exp.Column():
                return Value(Kind.COLUMN, node.name) if is_column(node) else values.UNKNOWN
            case exp.Cast():
                return values.cast(self.value(node.this), node.args["to"])
            case exp.Nullif():
                return values.nullif(self.value(node.this), self.value(node.expression))
            case exp.Coalesce():
                return values.coalesce([self.value(part) for part in (node.this, *node.expressions)])
            case exp.Case():
                return self._case(node)
            case exp.Anonymous() | exp.Dot():
                return self._call(node)
            case exp.Subquery() | exp.Select():
                projection = lone_projection(node)
                if projection is None:
                    return values.UNKNOWN
                return values.in_subselect(self.value(projection))
            case _:
                return self._operation(node)

    def _operation(self, node: exp.Expr) -> Value:
        match node:
            case exp.Neg():
                return values.strict(self.value(node.this), prefix="-")
            case exp.Lower() | exp.Upper() | exp.Trim():
                return values.strict(self.value(node.this), prefix=node.key)
            case exp.DPipe():
                return values.joined(self.value(node.this), self.value(node.expression))
            case exp.StringToArray():
                return values.split(self.value(node.this))
            case exp.JSONExtractScalar() | exp.JSONExtract() | exp.JSONBExtractScalar() | exp.JSONBExtract():
                return values.member(self.value(node.this))
            case _:
                return values.boolean(self._predicate(node))

    def _predicate(self, node: exp.Expr) -> Truth:
        match node:
            case exp.And():
                return truth.both(self.truth(node.this), self.truth(node.expression))
            case exp.Or():
                return truth.either(self.truth(node.this), self.truth(node.expression))
            case exp.Not():
                return truth.negated(self.truth(node.this))
            case exp.EQ():
                return self._equal(node.this, node.expression)
            case exp.NEQ():
                if _is_call(node.expression, "all"):
                    return truth.UNKNOWN
                return truth.negated(self._equal(node.this, node.expression))
            case exp.In():
                return self._in(node)
            case exp.NullSafeEQ():
                return values.not_distinct(self.value(node.this), self.value(node.expression))
            case exp.NullSafeNEQ():
                return truth.negated(values.not_distinct(self.value(node.this), self.value(node.expression)))
            case exp.Is():
                found = self._is(node)
                return truth.negated(found) if node.args.get("negate") else found
            case exp.Like():
                return values.like(self.value(node.this), self.value(node.expression))
            case exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return values.ordered(self.value(node.this), self.value(node.expression))
            case _:
                return truth.UNKNOWN

    def _call(self, node: exp.Expr) -> Value:
        name = setting_read(node)
        if name is None:
            body = self._functions.get(sql_of(node))
            return self.value(body) if body is not None else values.UNKNOWN
        # Without `missing_ok` the call fails as long as nobody has set it.
        quiet = len(node.expressions) == 2 and self.truth(node.expressions[1]) == truth.TRUE
        match self._world:
            case World.UNSET:
                return Value(Kind.NULL, from_setting=True) if quiet else values.ERROR
            case World.EMPTY:
                return Value(Kind.CONSTANT, "", from_setting=True)
            case World.SET:
                return Value(Kind.TENANT, name, from_setting=True)
            case World.ANY:
                return Value(Kind.UNKNOWN, from_setting=True)

    def _case(self, node: exp.Case) -> Value:
        possible: list[Value] = []
        for branch in node.args["ifs"]:
            condition = self._equal(node.this, branch.this) if node.this else self.truth(branch.this)
            if condition in (truth.ERROR, truth.LATE_ERROR):
                return Value(Kind.ERROR if condition == truth.ERROR else Kind.LATE_ERROR)
            if condition.may_fail:
                return values.UNKNOWN
            if condition.never:
                continue
            possible.append(self.value(branch.args["true"]))
            if condition.always:
                return values.any_of(possible)
        default = node.args.get("default")
        possible.append(self.value(default) if default is not None else values.NULL)
        return values.any_of(possible)

    def _equal(self, left: exp.Expr, right: exp.Expr) -> Truth:
        if isinstance(right, exp.Any):
            return self._equal_any(left, right.this)
        return values.equal(self.value(left), self.value(right))

    def _equal_any(self, left: exp.Expr, right: exp.Expr) -> Truth:
        while isinstance(right, exp.Paren):
            right = right.this
        if isinstance(right, exp.Array):
            return self._among(left, right.expressions)
        value = self.value(right)
        if value.kind is Kind.CONSTANT and value.text == "{}":
            return truth.FALSE
        member = self.value(left)
        # Another tenant's row is in no list that the setting holds.
        if value.kind in (Kind.TENANT, Kind.NULL) or value.kind.fails or member.kind is Kind.NULL:
            return values.equal(member, value)
        return truth.UNKNOWN

    def _in(self, node: exp.In) -> Truth:
        query = node.args.get("query")
        if query is None:
            return self._among(node.this, node.expressions)
        projection = lone_projection(query)
        return self._equal(node.this, projection) if projection is not None else truth.UNKNOWN

    def _among(self, left: exp.Expr, members: list[exp.Expr]) -> Truth:
        found = truth.FALSE
        for member in members:
            found = truth.either(found, self._equal(left, member))
        return found

    def _is(self, node: exp.Is) -> Truth:
        if isinstance(node.expression, exp.Null):
            return values.is_null(self.value(node.this))
        if not isinstance(node.expression, exp.Boolean):
            return truth.UNKNOWN
        operand = self.truth(node.this)
        if not node.expression.this:
            operand = truth.negated(operand)
        return truth.mapped(operand, {Outcome.NULL: Outcome.FALSE})


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name
