"""A plan as a psql script: every change with what it is for, what it locks and how it is undone.

Each change asks first whether it is done, so that a script that stopped half-way is finished by running it
again; an index that a broken-off build left invalid is dropped first. Row-level security is in a part of its
own, which runs only when the variable `isolation` is on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tenfold.migrate.backfill_block import backfill_block
from tenfold.migrate.obstacle_block import obstacle_block
from tenfold.model.change import Change, Phase, Plan
from tenfold.model.ddl import dollar_quoted, literal, qualified

#: How long a brief change waits for its lock; whoever comes after it waits as long.
LOCK_TIMEOUT = "2s"
_WIDTH = 110


def write_sql(plan: Plan) -> str:
    """The script; it needs psql 11 or later."""
    ordinary = [change for change in plan.changes if change.phase is not Phase.ISOLATION]
    isolation = [change for change in plan.changes if change.phase is Phase.ISOLATION]
    lines = [*_head(plan, bool(isolation)), *_all(ordinary)]
    if isolation:
        lines += [
            *_comment(
                "Row-level security. From here on a session that sets no tenant sees no row. Run this part "
                "when every application sets it: psql -d DATABASE -v isolation=on -f FILE"
            ),
            r"\if :{?isolation}",
            r"\else",
            r"\set isolation off",
            r"\endif",
            r"\if :isolation",
            "",
            *_all(isolation),
            r"\endif",
        ]
    return "\n".join(lines) + "\n"


def _head(plan: Plan, isolates: bool) -> Iterator[str]:
    yield from _comment(
        f"Plan for database {plan.database} (PostgreSQL {plan.server_version}, fingerprint "
        f"{plan.fingerprint}), made from what it was at {plan.made_from}."
    )
    yield from _comment(
        "Run with psql, outside any transaction: psql -d DATABASE -f FILE. A change that is done already is "
        "passed over; after a fault, run it again."
        + (" Without -v isolation=on the last part is passed over." if isolates else "")
    )
    yield r"\set ON_ERROR_STOP on"
    # What is there by name may be another database.
    yield f"SELECT current_database() <> {literal(plan.database)} AS wrong_database \\gset"
    yield r"\if :wrong_database"
    refusal = literal(f"this plan was made for database {plan.database}; nothing was changed")
    yield f"DO {dollar_quoted(f'BEGIN RAISE EXCEPTION USING MESSAGE = {refusal}; END')};"
    yield r"\endif"
    yield ""


def _all(changes: Sequence[Change]) -> Iterator[str]:
    for number, change in enumerate(changes, start=1):
        yield f"-- {number} of {len(changes)} {'-' * 60}"
        yield from _change(change)
        yield ""


def _change(change: Change) -> Iterator[str]:
    yield from _comment(f"{change.title} ({change.priority}, {change.phase})")
    if change.findings:
        yield from _comment(f"for: {', '.join(change.findings)}")
    yield from _comment(f"lock: {_lock(change)}")
    if change.note:
        yield from _comment(f"note: {change.note}")
    # On one line each, to be copied.
    yield from (f"-- undo: {printable(undo)};" for undo in change.undo)
    yield f"SELECT NOT ({change.done}) AS todo \\gset"
    yield r"\if :todo"
    yield from _look_ahead(change)
    yield f"SET lock_timeout = {literal('0' if change.kind in ('build', 'backfill') else LOCK_TIMEOUT)};"
    yield from _clearance(change)
    yield from _body(change)
    yield r"\endif"


def _look_ahead(change: Change) -> Iterator[str]:
    if change.obstacle is not None:
        yield "SET lock_timeout = '0';"
        yield "SET statement_timeout = '0';"
        yield f"{obstacle_block(change.obstacle)};"
        yield "RESET statement_timeout;"


def _clearance(change: Change) -> Iterator[str]:
    if (found := leftover(change)) is not None:
        left, drop = found
        yield f"SELECT {literal(drop)} WHERE ({left}) \\gexec"


def leftover(change: Change) -> tuple[str, str] | None:
    """Of a build: asks whether a broken-off one left its index, and drops that.

    Its name is taken, so that the build would fail for ever.
    """
    if change.kind != "build" or change.index is None or not change.sql[0].startswith("CREATE "):
        return None
    index = qualified(*change.index)
    left = f"indexrelid = pg_catalog.to_regclass({literal(index)}) AND NOT indisvalid"
    return (
        f"SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE {left})",
        f"DROP INDEX CONCURRENTLY IF EXISTS {index}",
    )


def _body(change: Change) -> Iterator[str]:
    statements = [f"{text};" for text in change.sql]
    if change.backfill is not None:
        statements.append(f"{backfill_block(change.backfill)};")
    if change.transactional and len(statements) > 1:
        statements = ["BEGIN;", *statements, "COMMIT;"]
    yield from statements


def _lock(change: Change) -> str:
    held = change.lock.value
    waits = change.lock.blocks
    if waits == "nothing":
        return f"{held}, which neither reads nor writes wait for"
    return f"{held} on the table for a moment; {waits} wait meanwhile, at most {LOCK_TIMEOUT} for our turn"


def _comment(text: str) -> list[str]:
    """Comment lines, whatever is in the text: a name may hold a line break."""
    import textwrap

    lines = textwrap.wrap(printable(text), _WIDTH - 3, break_long_words=False, break_on_hyphens=False)
    return [f"-- {line}" for line in lines]


def printable(text: str) -> str:
    """The text on one line, what cannot be printed as its code."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
