"""A plan as an Alembic revision that runs as written, online and with `--sql`.

Every change commits by itself, so that no lock is held while the next one runs. Online each asks first
whether it is done, so that a revision that failed is finished by running it again. A downgrade undoes them
in reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tenfold.migrate.backfill_block import backfill_block
from tenfold.migrate.inverse import inverse
from tenfold.migrate.obstacle_block import obstacle_block
from tenfold.migrate.write_sql import LOCK_TIMEOUT, leftover, printable
from tenfold.model.change import Change, Plan
from tenfold.model.wording import counted

_HELPERS = '''

def _run(statement: str) -> None:
    """As it is: DDL() is the one construct that takes no colon for a parameter."""
    op.execute(sa.DDL(statement.replace("%", "%%")))


def _holds(question: str) -> bool:
    """What the database answers. A script made with --sql cannot ask: it does everything, once."""
    if op.get_context().as_sql:
        return False
    with op.get_context().autocommit_block():
        answer = op.get_bind().exec_driver_sql(question, execution_options={"no_parameters": True})
        return bool(answer.scalar())


def _together(*statements: str) -> None:
    """In one transaction of their own, giving up soon where a lock is held."""
    _run("SET LOCAL lock_timeout = {timeout}")
    for statement in statements:
        _run(statement)
    with op.get_context().autocommit_block():
        pass  # commits, and begins anew


def _alone(*statements: str) -> None:
    """Each by itself, outside any transaction, giving up soon where a lock is held."""
    with op.get_context().autocommit_block():
        _run("SET lock_timeout = {timeout}")
        for statement in statements:
            _run(statement)
        _run("RESET lock_timeout")


def _patiently(*statements: str) -> None:
    """Each by itself, outside any transaction, waiting for as long as it takes."""
    with op.get_context().autocommit_block():
        _run("SET lock_timeout = 0")
        _run("SET statement_timeout = 0")
        for statement in statements:
            _run(statement)
        _run("RESET statement_timeout")
        _run("RESET lock_timeout")
'''.replace("{timeout}", f"'{LOCK_TIMEOUT}'")


def write_alembic(
    plan: Plan, *, revision: str | None = None, down_revision: str | None = None, isolation_left_out: int = 0
) -> str:
    """The revision file. Its id, where none is given, is made of the plan: the same plan gives the same.

    It tells how many changes of row-level security were left out, and how to get them.
    """
    revision = revision or _revision(plan)
    lines = [
        _docstring(plan, revision, down_revision, isolation_left_out),
        "",
        "import sqlalchemy as sa",
        "from alembic import op",
        "",
        f"revision = {revision!r}",
        f"down_revision = {down_revision!r}",
        "branch_labels = None",
        "depends_on = None",
        _HELPERS,
        "",
        "def upgrade() -> None:",
        *_calls(plan.changes),
        "",
        "",
        "def downgrade() -> None:",
        *_calls(inverse(change) for change in reversed(plan.changes) if change.undo),
    ]
    return "\n".join(lines) + "\n"


def _revision(plan: Plan) -> str:
    import hashlib

    identity = "\n".join((plan.fingerprint, *(change.id for change in plan.changes)))
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _docstring(plan: Plan, revision: str, down_revision: str | None, left_out: int) -> str:
    """A database may be called anything."""
    name, revises = printable(plan.database), printable(down_revision or "")
    changes = counted(len(plan.changes), "change")
    text = f"Tenfold: {changes} for database {name}, as it was at {plan.made_from}.\n\n"
    if left_out:
        text += (
            f"Row-level security is left out ({left_out} more, phase isolation): an application that does\n"
            "not set the tenant sees nothing from then on. When every one sets it and this revision has\n"
            "run, make it a revision of its own:\n"
            f"tenfold plan DSN --format alembic --phase isolation --down-revision {printable(revision)}\n\n"
        )
    text += f"Revision ID: {printable(revision)}\nRevises: {revises}"
    return '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '\n"""'


def _calls(changes: Iterable[Change]) -> Iterator[str]:
    empty = True
    for change in changes:
        statements = _statements(change)
        if not statements:
            continue
        empty = False
        yield f"    # {printable(change.title)} ({change.priority}, {change.phase})"
        yield f"    if not _holds({change.done!r}):"
        if change.obstacle is not None:
            yield f"        _patiently({obstacle_block(change.obstacle)!r})"
        if (found := leftover(change)) is not None:
            left, drop = found
            yield f"        if _holds({left!r}):"
            yield f"            _patiently({drop!r})"
        yield f"        {_manner(change)}("
        yield from (f"            {statement!r}," for statement in statements)
        yield "        )"
    if empty:
        yield "    pass"


def _statements(change: Change) -> tuple[str, ...]:
    if change.backfill is not None:
        return (backfill_block(change.backfill),)
    return change.sql


def _manner(change: Change) -> str:
    if change.kind in ("build", "backfill"):
        return "_patiently"
    return "_together" if change.transactional else "_alone"
