"""Row-level security beside the predicate, and the predicate alone: the same statements by two roles.

Policies bind one role and not the other. Both ask in an open transaction with the tenant set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from tenfold.bench.runtime.ground import POLICY, SETTING, TENANT
from tenfold.bench.runtime.result import Section, Table, at_most, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Contender, one_by_one, ratio
from tenfold.errors import TenfoldError
from tenfold.runtime import Database, Session
from tenfold.runtime.drivers import Row

_BOUND, _PLAIN = "RLS and the predicate", "the predicate alone"
_FACTOR = 1.1
_ROWS = 10_000
_STATEMENTS = {
    "One row": "SELECT name, email FROM leads WHERE team_id = $1 AND id = 501",
    "A list of 50": (
        "SELECT id, name, email, created_at FROM leads WHERE team_id = $1"
        " ORDER BY created_at DESC, id DESC LIMIT 50"
    ),
    f"A sum over {_ROWS:,} rows": (
        f"SELECT sum(score), count(priority) FROM leads WHERE team_id = $1 AND id <= {_ROWS * 5 // 4}"
    ),
}


async def policy(bench: Bench) -> Section:
    tables, verdicts = [], []
    async with AsyncExitStack() as stack:
        bound, plain = [
            await stack.enter_async_context(database.tenant(TENANT, read_only=True))
            for database in (
                await stack.enter_async_context(Database(bench.ground.app, setting=SETTING)),
                await stack.enter_async_context(
                    Database(bench.ground.unbound, setting=SETTING, accept_unsafe_role=True)
                ),
            )
        ]
        for title, statement in _STATEMENTS.items():
            if await bound.fetch(statement, TENANT) != await plain.fetch(statement, TENANT):
                raise TenfoldError("both roles are to find the same rows of the tenant, and do not")
            ours, theirs = await bench.measure(
                [
                    Contender(_BOUND, one_by_one(_ask(bound, statement))),
                    Contender(_PLAIN, one_by_one(_ask(plain, statement))),
                ]
            )
            tables.append(Table(title=title, lines=lines((ours, theirs), theirs), against=_PLAIN))
            verdicts.append(at_most(f"{title}: RLS, to a plain WHERE", ratio(ours, theirs), _FACTOR))
    return Section(
        subject="policy",
        title="Row-level security and an explicit predicate",
        remarks=(
            f"Policy: {POLICY}",
            "The server compares the setting with the predicate once a statement, in a node of the plan that"
            " hands on every row.",
        ),
        tables=tuple(tables),
        verdicts=tuple(verdicts),
    )


def _ask(session: Session, statement: str) -> Callable[[], Awaitable[Sequence[Row]]]:
    return partial(session.fetch, statement, TENANT)
