"""NOT NULL on a live table, without a scan under a lock that blocks writes.

A CHECK that is not valid refuses every update of an old row that breaks it, whichever column is written. So
the check that stands for NOT NULL is declared only after a look at the rows, and taken back where its
validation fails all the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.estimate import BRIEF, scan_estimate
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Lock, Obstacle, Phase
from tenfold.model.ddl import fit, identifier
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.remedy import SetNotNull, Table
from tenfold.model.remedy_sql import statements
from tenfold.rules.coverage import is_not_null_test
from tenfold.rules.subject import table_of

#: Why a column that a trigger fills from the parent stays nullable where that key is deferrable.
BEFORE_ITS_PARENT = (
    "its foreign key is deferrable: a row that comes before its parent has no tenant until it is updated; "
    "let the application write the column, and drop what fills it"
)

_CHECK_SUFFIX = "_is_not_null"


def not_null_id(table: Table, column: str) -> str:
    """Of the change after which the column is NOT NULL."""
    return f"set-not-null:{table.sql}:{identifier(column)}"


def set_not_null(draft: Draft, wish: Wish[SetNotNull], waits: Iterable[str] = ()) -> None:
    """A look for nulls, CHECK NOT VALID, VALIDATE, SET NOT NULL (which trusts the check), drop the CHECK."""
    table, column = wish.remedy.table, wish.remedy.column
    relation = draft.relation(table)
    target = f"{relation.display}.{identifier(column)}"
    if (why := _may_become_null(draft, relation, column)) is not None:
        draft.skip(wish, f"NOT NULL on {target}", why)
        return
    check = _check_name(draft, relation, column)
    draft.own_checks[table, check] = f"validate-not-null:{table.sql}:{identifier(column)}"
    is_not_null = probes.column_not_null(table, column)
    nulls = f"FROM {table.sql} WHERE {identifier(column)} IS NULL"
    refused = draft.change(
        wish,
        "check-not-null",
        relation,
        column,
        "statement",
        Phase.KEYS,
        title=f"Refuse new rows without {target}",
        done=probes.asks(probes.either(is_not_null, probes.constraint_exists(table, check))),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=(
            f"ALTER TABLE {table.sql} ADD CONSTRAINT {identifier(check)} "
            f"CHECK ({identifier(column)} IS NOT NULL) NOT VALID",
        ),
        undo=(f"ALTER TABLE {table.sql} DROP CONSTRAINT IF EXISTS {identifier(check)}",),
        estimate=BRIEF,
        requires=[*waits, *draft.fillers(table, [column])],
        obstacle=Obstacle(
            found=f"SELECT EXISTS (SELECT {nulls})",
            message=f"{target} is null in some rows, and every update of them would be refused; "
            f"put them right first, they are: SELECT * {nulls}",
        ),
        note=f"only where no row lacks it; from then on a write that leaves {identifier(column)} null is "
        "refused",
    )
    validated = draft.change(
        wish,
        "validate-not-null",
        relation,
        column,
        "scan",
        Phase.KEYS,
        title=f"Check that every row has {target}",
        done=probes.asks(probes.either(is_not_null, probes.constraint_validated(table, check))),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=(f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {identifier(check)}",),
        estimate=scan_estimate(draft.subject, relation),
        requires=[refused],
        retracts=refused,
        note="it fails where a row without came in since; apply then takes the check back, which would "
        f"refuse every update of that row (a script leaves that to you); such rows: SELECT * {nulls}",
    )
    draft.change(
        wish,
        "set-not-null",
        relation,
        column,
        "statement",
        Phase.KEYS,
        title=f"Make {target} NOT NULL",
        done=probes.asks(is_not_null, probes.negated(probes.constraint_exists(table, check))),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=(*statements(wish.remedy), f"ALTER TABLE {table.sql} DROP CONSTRAINT {identifier(check)}"),
        undo=(f"ALTER TABLE {table.sql} ALTER COLUMN {identifier(column)} DROP NOT NULL",),
        estimate=BRIEF,
        requires=[validated],
    )


def _may_become_null(draft: Draft, relation: Relation, column: str) -> str | None:
    """Why: a foreign key sets the column to null by itself, or what fills it may come too early."""
    found = draft.snapshot.column(relation.oid, column)
    for constraint in draft.snapshot.constraints_of(relation.oid):
        sets = constraint.kind == "f" and "n" in (constraint.on_delete, constraint.on_update)
        if found is not None and sets and found.number in constraint.columns:
            return f"{identifier(constraint.name)} sets it to null when the row that it refers to is deleted"
    name = table_of(relation), column
    if any(fill.deferral and (fill.table, fill.column) == name for fill in draft.filled):
        return BEFORE_ITS_PARENT
    return None


def _check_name(draft: Draft, relation: Relation, column: str) -> str:
    """The name that this plan or a run that was broken off gave our own check; else a free one."""
    table = table_of(relation)
    validates = f"validate-not-null:{table.sql}:{identifier(column)}"
    for (checked, name), change in draft.own_checks.items():
        if checked == table and change == validates:
            return name  # the finding of a nullable column and the column's own resumption wish the same
    found = draft.snapshot.column(relation.oid, column)
    for constraint in draft.snapshot.constraints_of(relation.oid):
        if found is not None and is_own_check(constraint, found):
            return constraint.name
    return draft.claim_constraint(relation, f"{column}{_CHECK_SUFFIX}")


def is_own_check(constraint: Constraint, column: Column) -> bool:
    """Whether it is the check that stands for the column's NOT NULL until that is set."""
    if constraint.kind != "c" or constraint.columns != (column.number,):
        return False
    if not constraint.name.startswith(fit(f"{column.name}{_CHECK_SUFFIX}")[: -len("_999")]):
        return False
    test = constraint.definition.removeprefix("CHECK ").removesuffix(" NOT VALID")
    return is_not_null_test(test, column.name)
