"""Values of a policy's expression as far as they are known, and what operators make of them.

All is said of one row that another tenant owns: a column of it never equals what comes from the session's
setting.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import Enum

import msgspec
from sqlglot import exp

from tenfold.rules.tenancy import _truth as truth
from tenfold.rules.tenancy._truth import Outcome, Truth


class Kind(Enum):
    NULL = 0
    CONSTANT = 1
    #: Differs from row to row.
    COLUMN = 2
    #: What the setting holds in World.SET: a value that is neither null nor empty.
    TENANT = 3
    ERROR = 4
    #: An error in a sub-select; see Outcome.LATE_ERROR.
    LATE_ERROR = 5
    UNKNOWN = 6
    BOOLEAN = 7

    @property
    def fails(self) -> bool:
        return self in (Kind.ERROR, Kind.LATE_ERROR)


class Value(msgspec.Struct, frozen=True):
    kind: Kind
    #: A constant's text, or what tells one column or setting from another.
    text: str = ""
    #: Whether it was made of a setting.
    from_setting: bool = False
    truth: Truth = truth.UNKNOWN


# What COALESCE need not look behind.
_CERTAIN = frozenset({Kind.CONSTANT, Kind.TENANT, Kind.ERROR, Kind.LATE_ERROR})

NULL = Value(Kind.NULL)
ERROR = Value(Kind.ERROR)
UNKNOWN = Value(Kind.UNKNOWN)

_TEXT_TYPES = frozenset({"TEXT", "VARCHAR", "CHAR", "BPCHAR", "NAME", "NCHAR", "NVARCHAR"})
_INTEGER_TYPES = frozenset({"SMALLINT", "INT", "BIGINT"})
_BOOLEANS = {
    **dict.fromkeys(("t", "true", "y", "yes", "on", "1"), truth.TRUE),
    **dict.fromkeys(("f", "false", "n", "no", "off", "0"), truth.FALSE),
}


# --- values ---


def boolean(found: Truth) -> Value:
    return Value(Kind.BOOLEAN, truth=found)


def in_subselect(value: Value) -> Value:
    """The value as a sub-select gives it back: an error comes late."""
    if value.kind is Kind.ERROR:
        return Value(Kind.LATE_ERROR)
    if value.kind is Kind.BOOLEAN:
        return boolean(truth.mapped(value.truth, {Outcome.ERROR: Outcome.LATE_ERROR}))
    return value


def any_of(values: list[Value]) -> Value:
    if all(value == values[0] for value in values):
        return values[0]
    truths = [_as_truth(value) for value in values]
    return boolean(truth.one_of(truths)) if all(value.kind is Kind.BOOLEAN for value in values) else UNKNOWN


def _as_truth(value: Value) -> Truth:
    return value.truth if value.kind is Kind.BOOLEAN else truth.UNKNOWN


def cast(value: Value, to: exp.DataType) -> Value:
    name = to.this.value if isinstance(to.this, exp.DataType.Type) else ""
    if value.kind is not Kind.CONSTANT:
        if name == "BOOLEAN" and value.kind is Kind.TENANT:
            return Value(Kind.UNKNOWN, from_setting=True)
        return value
    if name in _TEXT_TYPES:
        return value
    if value.text == "":
        # Nearly every other type refuses the empty string, and those that do not are silence's price.
        return ERROR
    if name == "BOOLEAN":
        known = _BOOLEANS.get(value.text.lower())
        return boolean(known) if known is not None else ERROR
    if name in _INTEGER_TYPES and _number(value.text) is None:
        return ERROR
    return value


def nullif(value: Value, other: Value) -> Value:
    if value.kind is Kind.NULL or value.kind.fails or other.kind is Kind.NULL:
        return value
    if other.kind.fails:
        return other
    same = equal(value, other)
    if same.always:
        return Value(Kind.NULL, from_setting=value.from_setting or other.from_setting)
    # Where it is not the other value it is itself; a null made of a column is still another row's business.
    if same.never or value.kind is Kind.COLUMN:
        return value
    return Value(Kind.UNKNOWN, from_setting=value.from_setting)


def coalesce(values: list[Value]) -> Value:
    from_setting = any(value.from_setting for value in values)
    rest = [value for value in values if value.kind is not Kind.NULL]
    if not rest:
        return Value(Kind.NULL, from_setting=from_setting)
    first = rest[0]
    if len(rest) > 1 and first.kind not in _CERTAIN:
        return any_of(rest) if all(value.kind is Kind.BOOLEAN for value in rest) else UNKNOWN
    return msgspec.structs.replace(first, from_setting=from_setting)


def strict(value: Value, *, prefix: str) -> Value:
    """A function of one argument that is null for null."""
    match value.kind:
        case Kind.NULL | Kind.ERROR | Kind.LATE_ERROR:
            return value
        case Kind.CONSTANT if prefix == "-":
            return msgspec.structs.replace(value, text="-" + value.text)
        case Kind.CONSTANT if value.text == "":
            return value
        case Kind.COLUMN | Kind.TENANT:
            return msgspec.structs.replace(value, text=f"{prefix}({value.text})")
        case _:
            return Value(Kind.UNKNOWN, from_setting=value.from_setting)


def joined(left: Value, right: Value) -> Value:
    from_setting = left.from_setting or right.from_setting
    for kind in (Kind.ERROR, Kind.LATE_ERROR, Kind.NULL):
        if kind in (left.kind, right.kind):
            return Value(kind, from_setting=from_setting)
    if left.kind is right.kind is Kind.CONSTANT:
        return Value(Kind.CONSTANT, left.text + right.text, from_setting)
    if {left.kind, right.kind} == {Kind.CONSTANT, Kind.TENANT}:
        return Value(Kind.TENANT, f"{left.text}||{right.text}", from_setting)
    return Value(Kind.UNKNOWN, from_setting=from_setting)


def split(value: Value) -> Value:
    """`string_to_array(value, ...)`: of the empty string, the empty array."""
    if value.kind is Kind.CONSTANT:
        return Value(Kind.CONSTANT, "{}", value.from_setting) if value.text == "" else UNKNOWN
    return member(value)


def member(value: Value) -> Value:
    """`value -> key` and the like: a member of what the setting holds is the tenant's own."""
    if value.kind is Kind.TENANT:
        return msgspec.structs.replace(value, text=f"of({value.text})")
    return value if value.kind is Kind.NULL or value.kind.fails else UNKNOWN


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


# --- comparisons ---


def _null_or_error(left: Value, right: Value) -> Truth | None:
    """What a strict operator makes of a null or an error, None where it has neither."""
    if left.kind.fails or right.kind.fails:
        return _failure(left, right)
    return truth.NULL if Kind.NULL in (left.kind, right.kind) else None


def _failure(left: Value, right: Value) -> Truth:
    return truth.ERROR if Kind.ERROR in (left.kind, right.kind) else truth.LATE_ERROR


def equal(left: Value, right: Value) -> Truth:
    known = _null_or_error(left, right)
    if known is not None:
        return known
    kinds = {left.kind, right.kind}
    if Kind.BOOLEAN in kinds:
        return _equal_booleans(left, right)
    if Kind.UNKNOWN in kinds:
        return truth.UNKNOWN
    if kinds == {Kind.COLUMN}:
        return truth.TRUE if left.text == right.text else truth.BY_ROW
    if Kind.COLUMN in kinds:
        return truth.FALSE if left.from_setting or right.from_setting else truth.BY_ROW
    if kinds == {Kind.CONSTANT}:
        return truth.TRUE if _same_constant(left.text, right.text) else truth.FALSE
    if kinds == {Kind.TENANT} and left.text == right.text:
        return truth.TRUE
    if Kind.CONSTANT in kinds and "" in (left.text, right.text):
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


def not_distinct(left: Value, right: Value) -> Truth:
    """`left IS NOT DISTINCT FROM right`."""
    if left.kind.fails or right.kind.fails:
        return _failure(left, right)
    if left.kind is Kind.NULL or right.kind is Kind.NULL:
        other = right if left.kind is Kind.NULL else left
        # A row of another tenant has a tenant: an absent setting is not its equal.
        if other.kind is Kind.COLUMN and (left.from_setting or right.from_setting):
            return truth.FALSE
        return is_null(other)
    return truth.mapped(equal(left, right), {Outcome.NULL: Outcome.FALSE})


def is_null(value: Value) -> Truth:
    match value.kind:
        case Kind.NULL:
            return truth.TRUE
        case Kind.ERROR:
            return truth.ERROR
        case Kind.LATE_ERROR:
            return truth.LATE_ERROR
        case Kind.CONSTANT | Kind.TENANT:
            return truth.FALSE
        case Kind.COLUMN:
            return truth.BY_ROW_NOT_NULL
        case Kind.BOOLEAN:
            found = {Outcome.TRUE: Outcome.FALSE, Outcome.NULL: Outcome.TRUE}
            return truth.mapped(value.truth, found)
        case Kind.UNKNOWN:
            return truth.one_of([truth.TRUE, truth.FALSE, truth.LATE_ERROR])


def like(value: Value, pattern: Value) -> Truth:
    known = _null_or_error(value, pattern)
    if known is not None:
        return known
    if pattern.kind is Kind.CONSTANT and pattern.text and not pattern.text.strip("%"):
        return truth.TRUE
    if value.kind is Kind.COLUMN and pattern.kind in (Kind.CONSTANT, Kind.TENANT):
        return truth.FALSE if pattern.from_setting else truth.BY_ROW
    return truth.UNKNOWN


def ordered(left: Value, right: Value) -> Truth:
    known = _null_or_error(left, right)
    if known is not None:
        return known
    plain = {left.kind, right.kind} <= {Kind.COLUMN, Kind.CONSTANT}
    return truth.BY_ROW if plain and not (left.from_setting or right.from_setting) else truth.UNKNOWN
