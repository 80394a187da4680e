"""Whether an index serves an order: a check for tests and start-up, by plan and not by stop-watch.

The planner is asked for the generic plan, in which every parameter keeps its number, with sorts forbidden as
far as there is another way: so the answer is the same on the few rows of a test as on the millions of
production. It is asked as the session's role, so that row-level security takes part:
under it, only leakproof operators can be index conditions. A partial index that needs the value of a
parameter is not seen; write that value into the query. Where a condition of the query's own leaves few rows,
the planner may well read these and sort them instead: that an index serves says that it need not.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tenfold.runtime.drivers import Connection, Row
from tenfold.runtime.paging.keyset import Position, Query, Statement, statement
from tenfold.runtime.paging.order import Order

_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_sort": "off",
    "enable_incremental_sort": "off",
}
# A statement that failed between PREPARE and DEALLOCATE leaves its name behind.
_numbers = itertools.count(1)
_ASIDE = frozenset({"Inner", "InitPlan", "SubPlan"})
_PARAMETER = re.compile(r"\$\d+\b")
_EQUALITY = re.compile(r" = \$\d+\b")


class ExplainingSession(Protocol):
    async def fetch(self, statement: str, /, *parameters: object) -> Sequence[Row]: ...
    async def fetch_value(self, statement: str, /, *parameters: object) -> Any: ...

    @property
    def connection(self) -> Connection: ...

    def savepoint(self) -> AbstractAsyncContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class IndexReport:
    """Why no index serves the order; it does where there is no reason."""

    reasons: tuple[str, ...]
    #: The plan of a page in the depth, as EXPLAIN prints it, with numbers in the place of parameters.
    plan: str

    @property
    def serves(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        said = "an index serves the order" if self.serves else "\n".join(self.reasons)
        return f"{said}\n\n{self.plan}"


async def index_serves(session: ExplainingSession, query: Query, order: Order) -> IndexReport:
    """Looks at the first page and at one in the depth. Errors of the server are the driver's own."""
    first = statement(query, order, 50)
    deep = statement(query, order, 50, Position(("any value",) * len(order.columns)))
    plan, _ = await _explained(session, first)
    reasons = [f"the first page {reason}" for reason in _waits(plan)]
    plan, text = await _explained(session, deep)
    own = {f"${number}" for number in range(len(query.parameters) + 1, len(deep.parameters) + 1)}
    for limit in [plan] if len(deep.ranges) * len(query.texts) == 1 else _branches(plan):
        reasons += [f"a page in the depth {reason}" for reason in (*_waits(limit), *_throws_away(limit, own))]
    return IndexReport(tuple(dict.fromkeys(reasons)), text)


class _Explained(Exception):
    """Leaves the savepoint, so that its settings go with it."""


async def _explained(session: ExplainingSession, asked: Statement) -> tuple[dict[str, Any], str]:
    name = f"tenfold_index_check_{next(_numbers)}"
    parameters = ", ".join(["NULL"] * len(asked.parameters))
    execute = f"EXECUTE {name}({parameters})" if parameters else f"EXECUTE {name}"
    found: Any = None
    lines: Sequence[Row] = ()
    try:
        async with session.savepoint():
            for setting, value in _SETTINGS.items():
                await session.fetch_value("SELECT set_config($1, $2, true)", setting, value)
            await session.connection.script(f"PREPARE {name} AS {asked.text}")
            found = await session.fetch_value(f"EXPLAIN (FORMAT JSON) {execute}")
            lines = await session.fetch(f"EXPLAIN (COSTS OFF) {execute}")
            await session.connection.script(f"DEALLOCATE {name}")
            raise _Explained
    except _Explained:
        pass
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan, "\n".join(str(line[0]) for line in lines)


# --- reading plans -----------------------------------------------------------------------------------


def _branches(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The limits of the single ranges, below the one of the whole."""
    for child in plan.get("Plans", ()):
        if child["Node Type"] == "Limit":
            yield child
        else:
            yield from _branches(child)


def _waits(plan: dict[str, Any]) -> Iterator[str]:
    """What must see all its rows before it gives the first, on the way that the rows of the page come."""
    for node in _stream(plan):
        kind = node["Node Type"]
        if kind in ("Sort", "Incremental Sort"):
            yield f"sorts by {', '.join(node.get('Sort Key', ()))}"
        elif kind == "Aggregate" and node.get("Strategy") != "Sorted":
            yield "aggregates all rows of the query"


def _throws_away(plan: dict[str, Any], own: set[str]) -> Iterator[str]:
    """Ranges that no index takes: the rows before the place are read and dropped.

    An equality in a filter is the planner's choice between indexes, for all of them are a range elsewhere.
    """
    for node in _stream(plan):
        for key in ("Filter", "Join Filter"):
            if own & set(_PARAMETER.findall(_EQUALITY.sub("", str(node.get(key, ""))))):
                relation = node.get("Relation Name") or f"the {node['Node Type']}"
                yield f"finds its place in {relation} by a filter, not by an index: {node[key]}"


def _stream(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan and what feeds it, without what is looked up for each row."""
    yield plan
    for child in plan.get("Plans", ()):
        if child.get("Parent Relationship") not in _ASIDE:
            yield from _stream(child)
