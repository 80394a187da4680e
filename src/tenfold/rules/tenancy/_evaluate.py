"""Evaluates a policy's expression for another tenant's row, in a world where the tenant setting is in some state.

The row is one that the session's tenant does not own: a column compared with the setting, or with what the
expression makes of it, does not match. What is not understood is unknown, and nothing follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum

import msgspec
from sqlglot import exp

from tenfold.rules.tenancy import _truth as truth
from tenfold.rules.tenancy._truth import Outcome, Truth


class World(Enum):
    """The state of every run-time setting with a dotted name, such as `app.tenant_id`."""

    #: Nothing is known of it.
    ANY = "whatever the setting is"
    UNSET = "the setting was never set"
    #: What SET LOCAL and set_config(..., true) leave behind.
    EMPTY = "the setting is empty"
    SET = "the setting names the session's tenant"


class _Kind(Enum):
    NULL = 0
    CONSTANT = 1
    #: Differs from row to row.
    COLUMN = 2
    #: What the setting holds in World.SET: a value that is neither null nor empty.
    TENANT = 3
    ERROR = 4
    UNKNOWN = 5
    BOOLEAN = 6


class Value(msgspec.Struct, frozen=True):
    kind: _Kind
    #: A constant's text, or what tells one column or setting from another.
    text: str = ""
    #: Whether it was made of a setting.
    from_setting: bool = False
    truth: Truth = truth.UNKNOWN


_NULL = Value(_Kind.NULL)
_ERROR = Value(_Kind.ERROR)
_UNKNOWN = Value(_Kind.UNKNOWN)

_TEXT_TYPES = frozenset({"TEXT", "VARCHAR", "CHAR", "BPCHAR", "NAME", "NCHAR", "NVARCHAR"})
_INTEGER_TYPES = frozenset({"SMALLINT", "INT", "BIGINT"})
# Types whose input function refuses the empty string.
_REFUSE_EMPTY = _INTEGER_TYPES | frozenset(
    "BOOLEAN DECIMAL FLOAT DOUBLE UUID JSON JSONB DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ INTERVAL INET".split()
)
_BOOLEANS = {
    **dict.fromkeys(("t", "true", "y", "yes", "on", "1"), truth.TRUE),
    **dict.fromkeys(("f", "false", "n", "no", "off", "0"), truth.FALSE),
}


def evaluate(node: exp.Expr, world: World, functions: Mapping[str, exp.Expr]) -> Truth:
    """What the boolean expression is in that world. `functions` holds bodies of functions without arguments."""
    return _Evaluation(world, functions).truth(node)


def bare_setting(node: exp.Expr) -> str | None:
    """The name of the custom setting that a `current_setting(...)` call reads; None for any other node."""
    if not isinstance(node, exp.Anonymous) or node.name.lower() != "current_setting" or not node.expressions:
        return None
    name = node.expressions[0]
    while isinstance(name, exp.Cast | exp.Paren):
        name = name.this
    # The server's own settings have no dot, and always have a value.
    return name.name if isinstance(name, exp.Literal) and "." in name.name else None


def is_keyword(column: exp.Column) -> bool:
    """Whether it is a keyword such as USER, which the server writes in capitals, and no column."""
    name = column.this
    return isinstance(name, exp.Identifier) and not name.quoted and name.name != name.name.lower()


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
    projection = query.expressions[0]
    return projection.this if isinstance(projection, exp.Alias) else projection


class _Evaluation:
    """One expression in one world."""

    def __init__(self, world: World, functions: Mapping[str, exp.Expr]) -> None:
        self._world = world
        self._functions = functions

    def truth(self, node: exp.Expr) -> Truth:
        value = self.value(node)
        match value.kind:
            case _Kind.BOOLEAN:
                return value.truth
            case _Kind.NULL:
                return truth.NULL
            case _Kind.ERROR:
                return truth.ERROR
            case _Kind.COLUMN:
                return truth.BY_ROW
            case _:
                return truth.UNKNOWN

    def value(self, node: exp.Expr) -> Value:
        match node:
            case exp.Paren() | exp.Collate() | exp.Alias():
                return self.value(node.this)
            case exp.Null():
                return _NULL
            case exp.Boolean():
                return _boolean(truth.TRUE if node.this else truth.FALSE)
            case exp.Literal():
                return Value(_Kind.CONSTANT, node.name)
            case exp.CurrentTimestamp() | exp.CurrentDate():
                return Value(_Kind.CONSTANT, node.key)
            case exp.Column():
                return self._column(node)
            case exp.Cast():
                return _cast(self.value(node.this), node.args["to"])
            case exp.Nullif():
                return _nullif(self.value(node.this), self.value(node.expression))
            case exp.Coalesce():
                return _coalesce([self.value(part) for part in (node.this, *node.expressions)])
            case exp.Case():
                return self._case(node)
            case exp.Anonymous() | exp.Dot():
                return self._call(node)
            case exp.Subquery() | exp.Select():
                projection = lone_projection(node)
                return self.value(projection) if projection is not None else _UNKNOWN
            case _:
                return self._operation(node)

    def _operation(self, node: exp.Expr) -> Value:
        match node:
            case exp.Neg():
                return _strict(self.value(node.this), prefix="-")
            case exp.Lower() | exp.Upper() | exp.Trim():
                return _strict(self.value(node.this), prefix=node.key, by_row=True)
            case exp.DPipe():
                return _joined(self.value(node.this), self.value(node.expression))
            case exp.StringToArray():
                return _array(self.value(node.this))
            case exp.JSONExtractScalar() | exp.JSONExtract() | exp.JSONBExtractScalar() | exp.JSONBExtract():
                return _member(self.value(node.this))
            case _:
                return _boolean(self._predicate(node))

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
                return _same(self.value(node.this), self.value(node.expression))
            case exp.NullSafeNEQ():
                return truth.negated(_same(self.value(node.this), self.value(node.expression)))
            case exp.Is():
                found = self._is(node)
                return truth.negated(found) if node.args.get("negate") else found
            case exp.Like():
                return _like(self.value(node.this), self.value(node.expression))
            case exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return _ordered(self.value(node.this), self.value(node.expression))
            case _:
                return truth.UNKNOWN

    def _column(self, node: exp.Column) -> Value:
        if isinstance(node.this, exp.Star) or is_keyword(node):
            return _UNKNOWN
        return Value(_Kind.COLUMN, node.name)

    def _call(self, node: exp.Expr) -> Value:
        name = bare_setting(node)
        if name is None:
            body = self._functions.get(node.sql(dialect="postgres", normalize_functions=False))
            return self.value(body) if body is not None else _UNKNOWN
        # Without `missing_ok` the call fails as long as nobody has set it.
        quiet = len(node.expressions) == 2 and self.truth(node.expressions[1]) == truth.TRUE
        match self._world:
            case World.UNSET:
                return Value(_Kind.NULL, from_setting=True) if quiet else _ERROR
            case World.EMPTY:
                return Value(_Kind.CONSTANT, "", from_setting=True)
            case World.SET:
                return Value(_Kind.TENANT, name, from_setting=True)
            case World.ANY:
                return Value(_Kind.UNKNOWN, from_setting=True)

    def _case(self, node: exp.Case) -> Value:
        possible: list[Value] = []
        for branch in node.args["ifs"]:
            condition = self._equal(node.this, branch.this) if node.this else self.truth(branch.this)
            if condition == truth.ERROR:
                return _ERROR
            if condition.never:
                continue
            possible.append(self.value(branch.args["true"]))
            if condition.always:
                return _any_of(possible)
        default = node.args.get("default")
        possible.append(self.value(default) if default is not None else _NULL)
        return _any_of(possible)

    def _equal(self, left: exp.Expr, right: exp.Expr) -> Truth:
        if isinstance(right, exp.Any):
            return self._equal_any(left, right.this)
        return _equal(self.value(left), self.value(right))

    def _equal_any(self, left: exp.Expr, right: exp.Expr) -> Truth:
        while isinstance(right, exp.Paren):
            right = right.this
        if isinstance(right, exp.Array):
            return self._among(left, right.expressions)
        value = self.value(right)
        if value.kind is _Kind.CONSTANT and value.text == "{}":
            return truth.FALSE
        member = self.value(left)
        # Another tenant's row is in no list that the setting holds.
        if value.kind in (_Kind.TENANT, _Kind.NULL, _Kind.ERROR) or member.kind is _Kind.NULL:
            return _equal(member, value)
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
            return _is_null(self.value(node.this))
        if not isinstance(node.expression, exp.Boolean):
            return truth.UNKNOWN
        operand = self.truth(node.this)
        if not node.expression.this:
            operand = truth.negated(operand)
        return truth.mapped(operand, {Outcome.NULL: Outcome.FALSE})


# --- values ---


def _boolean(found: Truth) -> Value:
    return Value(_Kind.BOOLEAN, truth=found)


def _any_of(values: list[Value]) -> Value:
    if all(value == values[0] for value in values):
        return values[0]
    truths = [_as_truth(value) for value in values]
    return _boolean(truth.one_of(truths)) if all(value.kind is _Kind.BOOLEAN for value in values) else _UNKNOWN


def _as_truth(value: Value) -> Truth:
    return value.truth if value.kind is _Kind.BOOLEAN else truth.UNKNOWN


def _cast(value: Value, to: exp.DataType) -> Value:
    name = to.this.value if isinstance(to.this, exp.DataType.Type) else ""
    if value.kind is not _Kind.CONSTANT:
        if name == "BOOLEAN" and value.kind is _Kind.TENANT:
            return Value(_Kind.UNKNOWN, from_setting=True)
        return value
    if name in _TEXT_TYPES:
        return value
    if value.text == "":
        refused = name in _REFUSE_EMPTY or to.args.get("nested")
        return _ERROR if refused else Value(_Kind.UNKNOWN, from_setting=value.from_setting)
    if name == "BOOLEAN":
        known = _BOOLEANS.get(value.text.lower())
        return _boolean(known) if known is not None else _ERROR
    if name in _INTEGER_TYPES and _number(value.text) is None:
        return _ERROR
    return value


def _nullif(value: Value, other: Value) -> Value:
    if value.kind in (_Kind.NULL, _Kind.ERROR) or other.kind is _Kind.NULL:
        return value
    same = _equal(value, other)
    if same.always:
        return Value(_Kind.NULL, from_setting=value.from_setting or other.from_setting)
    # Where it is not the other value it is itself; a null made of a column is still another row's business.
    if same.never or value.kind is _Kind.COLUMN:
        return value
    return Value(_Kind.UNKNOWN, from_setting=value.from_setting)


def _coalesce(values: list[Value]) -> Value:
    from_setting = any(value.from_setting for value in values)
    rest = [value for value in values if value.kind is not _Kind.NULL]
    if not rest:
        return Value(_Kind.NULL, from_setting=from_setting)
    first = rest[0]
    if len(rest) > 1 and first.kind not in (_Kind.CONSTANT, _Kind.TENANT, _Kind.ERROR):
        return _any_of(rest) if all(value.kind is _Kind.BOOLEAN for value in rest) else _UNKNOWN
    return msgspec.structs.replace(first, from_setting=from_setting)


def _strict(value: Value, *, prefix: str, by_row: bool = False) -> Value:
    """A function of one argument that is null for null."""
    match value.kind:
        case _Kind.NULL | _Kind.ERROR | _Kind.TENANT:
            return value
        case _Kind.CONSTANT if prefix == "-":
            return msgspec.structs.replace(value, text="-" + value.text)
        case _Kind.CONSTANT if value.text == "":
            return value
        case _Kind.COLUMN if by_row:
            return msgspec.structs.replace(value, text=f"{prefix}({value.text})")
        case _:
            return Value(_Kind.UNKNOWN, from_setting=value.from_setting)


def _joined(left: Value, right: Value) -> Value:
    from_setting = left.from_setting or right.from_setting
    for kind in (_Kind.ERROR, _Kind.NULL):
        if kind in (left.kind, right.kind):
            return Value(kind, from_setting=from_setting)
    if left.kind is right.kind is _Kind.CONSTANT:
        return Value(_Kind.CONSTANT, left.text + right.text, from_setting)
    if {left.kind, right.kind} == {_Kind.CONSTANT, _Kind.TENANT}:
        return Value(_Kind.TENANT, f"{left.text}||{right.text}", from_setting)
    return Value(_Kind.UNKNOWN, from_setting=from_setting)


def _array(value: Value) -> Value:
    """`string_to_array(value, ...)`: of the empty string, the empty array."""
    if value.kind is _Kind.CONSTANT:
        return Value(_Kind.CONSTANT, "{}", value.from_setting) if value.text == "" else _UNKNOWN
    return value if value.kind in (_Kind.NULL, _Kind.ERROR, _Kind.TENANT) else _UNKNOWN


def _member(value: Value) -> Value:
    """`value -> key` and the like: a member of what the setting holds is the tenant's own."""
    return value if value.kind in (_Kind.NULL, _Kind.ERROR, _Kind.TENANT) else _UNKNOWN


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


# --- comparisons ---


def _null_or_error(left: Value, right: Value) -> Truth | None:
    """What a strict operator makes of a null or an error, None where it has neither."""
    if _Kind.ERROR in (left.kind, right.kind):
        return truth.ERROR
    return truth.NULL if _Kind.NULL in (left.kind, right.kind) else None


def _equal(left: Value, right: Value) -> Truth:
    known = _null_or_error(left, right)
    if known is not None:
        return known
    kinds = {left.kind, right.kind}
    if _Kind.BOOLEAN in kinds:
        return _equal_booleans(left, right)
    if _Kind.UNKNOWN in kinds:
        return truth.UNKNOWN
    if kinds == {_Kind.COLUMN}:
        return truth.TRUE if left.text == right.text else truth.BY_ROW
    if _Kind.COLUMN in kinds:
        return truth.FALSE if left.from_setting or right.from_setting else truth.BY_ROW
    if kinds == {_Kind.CONSTANT}:
        return truth.TRUE if _same_constant(left.text, right.text) else truth.FALSE
    if kinds == {_Kind.TENANT} and left.text == right.text:
        return truth.TRUE
    if _Kind.CONSTANT in kinds and "" in (left.text, right.text):
        return truth.FALSE
    return truth.one_of([truth.TRUE, truth.FALSE])


def _same_constant(left: str, right: str) -> bool:
    if left == right:
        return True
    one, other = _number(left), _number(right)
    return one is not None and one == other


def _equal_booleans(left: Value, right: Value) -> Truth:
    if left.kind is not right.kind:
        return truth.UNKNOWN
    if right.truth.always:
        return left.truth
    if right.truth == truth.FALSE:
        return truth.negated(left.truth)
    return truth.UNKNOWN


def _same(left: Value, right: Value) -> Truth:
    """`left IS NOT DISTINCT FROM right`."""
    if _Kind.ERROR in (left.kind, right.kind):
        return truth.ERROR
    if left.kind is _Kind.NULL or right.kind is _Kind.NULL:
        other = right if left.kind is _Kind.NULL else left
        # A row of another tenant has a tenant: an absent setting is not its equal.
        if other.kind is _Kind.COLUMN and (left.from_setting or right.from_setting):
            return truth.FALSE
        return _is_null(other)
    return truth.mapped(_equal(left, right), {Outcome.NULL: Outcome.FALSE})


def _is_null(value: Value) -> Truth:
    match value.kind:
        case _Kind.NULL:
            return truth.TRUE
        case _Kind.ERROR:
            return truth.ERROR
        case _Kind.CONSTANT | _Kind.TENANT:
            return truth.FALSE
        case _Kind.COLUMN:
            return truth.BY_ROW_NOT_NULL
        case _Kind.BOOLEAN:
            found = {Outcome.TRUE: Outcome.FALSE, Outcome.NULL: Outcome.TRUE}
            return truth.mapped(value.truth, found)
        case _Kind.UNKNOWN:
            return truth.one_of([truth.TRUE, truth.FALSE, truth.ERROR])


def _like(value: Value, pattern: Value) -> Truth:
    known = _null_or_error(value, pattern)
    if known is not None:
        return known
    if pattern.kind is _Kind.CONSTANT and pattern.text and not pattern.text.strip("%"):
        return truth.TRUE
    if value.kind is _Kind.COLUMN and pattern.kind in (_Kind.CONSTANT, _Kind.TENANT):
        return truth.FALSE if pattern.from_setting else truth.BY_ROW
    return truth.UNKNOWN


def _ordered(left: Value, right: Value) -> Truth:
    known = _null_or_error(left, right)
    if known is not None:
        return known
    plain = {left.kind, right.kind} <= {_Kind.COLUMN, _Kind.CONSTANT}
    return truth.BY_ROW if plain and not (left.from_setting or right.from_setting) else truth.UNKNOWN


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name
