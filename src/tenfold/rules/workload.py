"""The statements that rules judge: those that the configuration names, and those that were recorded often.

`subject.once(judged)` gives them with their shapes. A recorded statement goes by the name of the configured
one that it came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tenfold.model.activity import Statement
from tenfold.rules.shapes import shapes_of
from tenfold.rules.subject import Subject
from tenfold.statements.shape import Shape
from tenfold.statements.text import fingerprint, kind_of, title


class Judged(msgspec.Struct, frozen=True):
    """A SELECT, INSERT, UPDATE, DELETE or MERGE. A recorded one stands for every role that ran it."""

    statement: Statement
    #: Oids of those roles; none where it was not recorded.
    roles: frozenset[int]
    #: None where it cannot be read.
    shape: Shape | None

    @property
    def is_recorded(self) -> bool:
        return self.statement.name is None


def judged(subject: Subject) -> tuple[Judged, ...]:
    """Configured statements first, then the recorded ones that were called often enough."""
    shapes = subject.once(shapes_of)
    by_text: defaultdict[str, list[Statement]] = defaultdict(list)
    for statement in subject.snapshot.statements:
        by_text[statement.text].append(statement)
    recorded = (_merged(rows) for rows in by_text.values())
    enough = subject.thresholds.statement_min_calls
    return tuple(
        Judged(statement, roles, shapes.of(statement.text))
        for statement, roles in (*((each, frozenset()) for each in subject.workload), *recorded)
        if kind_of(statement.text) != "utility" and (statement.name is not None or statement.calls >= enough)
    )


def name_of(subject: Subject, statement: Statement) -> str:
    """What a finding calls the statement: a configured name, or `statement` and a fingerprint."""
    if statement.name is not None:
        return statement.name
    return subject.once(_configured_names).get(fingerprint(statement.text)) or title(statement)


def once_each(subject: Subject, statements: Iterable[Judged]) -> Mapping[str, Judged]:
    """The statements by name, the first where two have one name."""
    named: dict[str, Judged] = {}
    for each in statements:
        named.setdefault(name_of(subject, each.statement), each)
    return named


def touches_hot_table(subject: Subject, shape: Shape | None) -> bool:
    relations = subject.snapshot.relation_by_oid
    return shape is not None and any(
        subject.is_hot(subject.root_of(relations[use.relation])) for use in shape.uses
    )


def _configured_names(subject: Subject) -> dict[str, str]:
    return {
        fingerprint(statement.text): statement.name
        for statement in subject.workload
        if statement.name is not None
    }


def _merged(rows: Sequence[Statement]) -> tuple[Statement, frozenset[int]]:
    """What pg_stat_statements keeps for each role, and for calls within functions, as one."""
    roles = frozenset(row.role for row in rows if row.role is not None)
    if len(rows) == 1:
        return rows[0], roles
    calls = sum(row.calls for row in rows)
    total = sum(row.total_ms for row in rows)
    whole = msgspec.structs.replace(
        rows[0],
        role=None,
        calls=calls,
        rows=sum(row.rows for row in rows),
        total_ms=total,
        mean_ms=total / calls if calls else 0.0,
        min_ms=min(row.min_ms for row in rows),
        max_ms=max(row.max_ms for row in rows),
        top_level=any(row.top_level for row in rows),
    )
    return whole, roles
