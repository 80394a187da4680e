"""A plan as an Alembic revision that runs as written, online and with `--sql`.

Every change commits by itself, so that no lock is held while the next one runs. A downgrade undoes them in
reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tenfold.migrate.backfill_block import backfill_block
from tenfold.migrate.write_sql import LOCK_TIMEOUT, printable
from tenfold.model.change import Change, Plan

_HELPERS = '''

def _run(statement: str) -> None:
    """As it is: DDL() is the one construct that takes no colon for a parameter."""
    op.execute(sa.DDL(statement.replace("%", "%%")))


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
        for statement in statements:
            _run(statement)
        _run("RESET lock_timeout")
'''.replace("{timeout}", f"'{LOCK_TIMEOUT}'")


def write_alembic(plan: Plan, *, revision: str | None = None, down_revision: str | None = None) -> str:
    """The revision file. Its id, where none is given, is made of the plan: the same plan gives the same."""
    revision = revision or _revision(plan)
    lines = [
        _docstring(plan, revision, down_revision),
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
        *_calls(plan.changes, undo=False),
        "",
        "",
        "def downgrade() -> None:",
        *_calls(plan.changes[::-1], undo=True),
    ]
    return "\n".join(lines) + "\n"


def _revision(plan: Plan) -> str:
    import hashlib

    identity = "\n".join((plan.fingerprint, *(change.id for change in plan.changes)))
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _docstring(plan: Plan, revision: str, down_revision: str | None) -> str:
    """A database may be called anything."""
    name, revises = printable(plan.database), printable(down_revision or "")
    title = f"Tenfold: {len(plan.changes)} changes for database {name}, as it was at {plan.made_from}."
    text = f"{title}\n\nRevision ID: {printable(revision)}\nRevises: {revises}"
    return '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '\n"""'


def _calls(changes: Sequence[Change], *, undo: bool) -> Iterator[str]:
    empty = True
    for change in changes:
        statements = change.undo if undo else _statements(change)
        if not statements:
            continue
        empty = False
        title = f"undo: {change.title}" if undo else f"{change.title} ({change.priority}, {change.phase})"
        yield f"    # {printable(title)}"
        yield f"    {_manner(change)}("
        yield from (f"        {statement!r}," for statement in statements)
        yield "    )"
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
