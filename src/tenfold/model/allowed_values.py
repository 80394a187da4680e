"""The values that a column may have at all: the labels of its enum, or what a CHECK lists."""

from __future__ import annotations

import re

from tenfold.model.relations import Column
from tenfold.model.snapshot import Snapshot

_LISTED = re.compile(r"'((?:[^']|'')*)'::")


def allowed_values(snapshot: Snapshot, column: Column) -> tuple[str, ...]:
    """In the order of the enum or of the CHECK; empty where anything goes."""
    if column.type_kind == "e":
        type_ = snapshot.type_by_oid.get(column.type_oid)
        return (type_.labels or ()) if type_ is not None else ()
    checks = (
        listed_values(constraint.definition)
        for constraint in snapshot.constraints_of(column.relation)
        if constraint.kind == "c" and constraint.columns == (column.number,)
    )
    return next(filter(None, checks), ())


def listed_values(check: str) -> tuple[str, ...]:
    """The values of a CHECK of the form `column IN (...)`, as the server writes it back."""
    if not re.match(r"CHECK \(\(+[^()]+\)?(?:::\w+)? = ANY \(+ARRAY\[", check):
        return ()
    return tuple(value.replace("''", "'") for value in _LISTED.findall(check))
