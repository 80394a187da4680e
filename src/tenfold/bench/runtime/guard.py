"""What the guard adds to a statement: one that it has seen, and one that it reads for the first time."""

from __future__ import annotations

import itertools
import time

from tenfold.bench.runtime.ground import SETTING, TENANT
from tenfold.bench.runtime.result import Section, Table, lines
from tenfold.bench.runtime.subject import Bench
from tenfold.bench.runtime.timing import Batch, Contender, one_by_one, over
from tenfold.runtime import Database, Session
from tenfold.runtime.guard import Guard

_STATEMENT = "SELECT name, email FROM leads WHERE team_id = $1 AND id = $2"
_JOINED = """
SELECT lead.name, count(*)
  FROM leads AS lead JOIN leads AS other ON other.team_id = lead.team_id AND other.email = lead.email
 WHERE lead.team_id = $1 AND (lead.priority > 2 OR lead.priority IS NULL)
 GROUP BY lead.name ORDER BY 2 DESC LIMIT {limit}
"""
_WITH, _WITHOUT = "with the guard", "without"


async def guard(bench: Bench) -> Section:
    watching = Guard("team_id")
    plain, guarded = (
        Database(bench.ground.app, setting=SETTING),
        Database(bench.ground.app, setting=SETTING, guard=watching),
    )
    async with plain, guarded, plain.tenant(TENANT) as bare, guarded.tenant(TENANT) as watched:
        sent = await bench.measure(
            [
                Contender(_WITHOUT, one_by_one(lambda: bare.fetch(_STATEMENT, TENANT, 501))),
                Contender(_WITH, one_by_one(lambda: watched.fetch(_STATEMENT, TENANT, 501))),
            ]
        )
        alone = await bench.measure(
            [
                Contender(
                    "a statement it knows",
                    over([(TENANT, 501)], lambda values: watching.check(watched, _STATEMENT, values)),
                ),
                Contender("a join it has not seen", _unseen(watching, watched)),
            ]
        )
    return Section(
        subject="guard",
        title="The guard",
        remarks=(f"{_STATEMENT}, in an open transaction.",),
        tables=(
            Table(title="One statement", lines=lines(sent, sent[0]), against=_WITHOUT),
            Table(title="The check alone", lines=lines(alone)),
        ),
    )


def _unseen(watching: Guard, session: Session) -> Batch:
    numbers = itertools.count(1)

    async def run(times: int) -> float:
        texts = [_JOINED.format(limit=next(numbers)) for _ in range(times)]
        start = time.perf_counter()
        for text in texts:
            watching.check(session, text, (TENANT,))
        return time.perf_counter() - start

    return run
