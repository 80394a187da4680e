"""Changes that make promises about rows: NOT NULL, foreign keys, and the validation of constraints.

None of them scans a table under a lock that blocks writes: a constraint is declared NOT VALID, which binds new
rows at once, and validated under SHARE UPDATE EXCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.draft import AddedColumn, Draft
from tenfold.migrate.estimate import BRIEF, scan_estimate
from tenfold.migrate.index_shape import serves_equality, shape_of_index, shape_of_wish
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.ddl import fit, identifier, names
from tenfold.model.relations import Constraint, Index, Relation
from tenfold.model.remedy import (
    AddForeignKey,
    CreateIndex,
    DropConstraint,
    Key,
    SetNotNull,
    Table,
    ValidateConstraint,
    statements,
)


def not_null_id(table: Table, column: str) -> str:
    """Of the change after which the column is NOT NULL."""
    return f"set-not-null:{table.sql}:{identifier(column)}"


# --- NOT NULL ----------------------------------------------------------------------------------------


def set_not_null(draft: Draft, wish: Wish[SetNotNull]) -> None:
    """CHECK NOT VALID, VALIDATE, SET NOT NULL (which trusts the check and scans nothing), drop the CHECK."""
    table, column = wish.remedy.table, wish.remedy.column
    relation = draft.relation(table)
    obstacle = _null_obstacle(draft, relation, wish.remedy)
    if obstacle is not None:
        draft.skip(wish, f"NOT NULL on {relation.display}.{identifier(column)}", obstacle)
        return
    check = _check_name(draft, relation, column)
    not_null = probes.column_not_null(table, column)
    target = f"{relation.display}.{identifier(column)}"

    def change(name: str, kind: Any, title: str, **fields: Any) -> str:
        return draft.add(
            Change(
                id=f"{name}:{table.sql}:{identifier(column)}",
                kind=kind,
                phase=Phase.KEYS,
                priority=wish.priority,
                object=relation.display,
                title=title,
                findings=wish.findings,
                **fields,
            )
        )

    declared = change(
        "check-not-null",
        "statement",
        f"Refuse new rows without {target}",
        done=probes.asks(probes.either(not_null, probes.constraint_exists(table, check))),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=(
            f"ALTER TABLE {table.sql} ADD CONSTRAINT {identifier(check)} "
            f"CHECK ({identifier(column)} IS NOT NULL) NOT VALID",
        ),
        undo=(f"ALTER TABLE {table.sql} DROP CONSTRAINT IF EXISTS {identifier(check)}",),
        estimate=BRIEF,
        requires=draft.fillers(table, [column]),
        note="from then on a write that leaves it null is refused",
    )
    validated = change(
        "validate-not-null",
        "scan",
        f"Check that every row has {target}",
        done=probes.asks(probes.either(not_null, probes.constraint_validated(table, check))),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=(f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {identifier(check)}",),
        estimate=scan_estimate(draft.subject, relation),
        requires=(declared,),
    )
    change(
        "set-not-null",
        "statement",
        f"Make {target} NOT NULL",
        done=probes.asks(not_null, probes.negated(probes.constraint_exists(table, check))),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=(
            *statements(wish.remedy),
            f"ALTER TABLE {table.sql} DROP CONSTRAINT {identifier(check)}",
        ),
        undo=(f"ALTER TABLE {table.sql} ALTER COLUMN {identifier(column)} DROP NOT NULL",),
        estimate=BRIEF,
        requires=(validated,),
    )
