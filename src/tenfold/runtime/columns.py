"""Which columns a client may see at which level of detail, and the statement's select list for them.

    LEADS = Columns("id", {"card": ["name", "score"], "full": ["notes", "config"]})
    LEADS.select("card", of="l")                                 l."id" AS "id", l."name" AS "name", ...
    LEADS.select("full", only=request.fields)                    what the client asked for, if it may
    LEADS.select("full", beyond="card")                          the key and what a card lacks

Each level holds those before it. What is not declared cannot be selected, whatever a client sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tenfold.errors import UsageError, did_you_mean
from tenfold.runtime.drivers import Row
from tenfold.runtime.quote import quoted_name


class Columns:
    """The columns of one kind of row, by level from the least detail to the most.

    `expressions` gives the SQL of those that are no columns of the table itself. Raises UsageError for
    declarations that cannot be.
    """

    __slots__ = ("_expressions", "_levels", "key")

    def __init__(
        self,
        key: str,
        levels: Mapping[str, Sequence[str]],
        expressions: Mapping[str, str] | None = None,
    ) -> None:
        if not levels:
            raise UsageError("columns are declared by level of detail, at least one")
        self.key = key
        self._expressions = dict(expressions or {})
        self._levels: dict[str, tuple[str, ...]] = {}
        held: dict[str, None] = {key: None}
        for level, names in levels.items():
            held |= dict.fromkeys(names)
            self._levels[level] = tuple(held)
        if strange := self._expressions.keys() - held:
            raise UsageError(f"an expression is given for {min(strange)}, which no level holds")

    def names(
        self,
        level: str,
        *,
        beyond: str | None = None,
        only: Iterable[str] | None = None,
        also: Iterable[str] = (),
    ) -> tuple[str, ...]:
        """The key first, then the columns of the level in the order of their declaration.

        `beyond` leaves out those of a lesser level, `only` those that a client did not ask for, and `also`
        keeps some all the same, as those of an order. Raises UsageError for a name that the level lacks.
        """
        allowed = self._level(level)
        wanted = allowed if only is None else self._known(only, level)
        had = () if beyond is None else self._level(beyond)
        kept = {self.key, *self._known(also, level), *(name for name in wanted if name not in had)}
        return tuple(name for name in allowed if name in kept)

    def select(
        self,
        level: str,
        *,
        of: str | None = None,
        beyond: str | None = None,
        only: Iterable[str] | None = None,
        also: Iterable[str] = (),
    ) -> str:
        """The names as a select list; `of` is the name or alias of the table."""
        return ", ".join(
            f"{self._expression(name, of)} AS {quoted_name(name)}"
            for name in self.names(level, beyond=beyond, only=only, also=also)
        )

    def completed(self, rows: Iterable[Row], details: Iterable[Row]) -> list[dict[str, Any]]:
        """The rows, each with the columns that a row of `details` with the same key adds to it."""
        found = {row[self.key]: _mapping(row) for row in details}
        return [_mapping(row) | found.get(row[self.key], {}) for row in rows]

    def _expression(self, name: str, of: str | None) -> str:
        if name in self._expressions:
            return self._expressions[name]
        return quoted_name(name) if of is None else quoted_name(of, name)

    def _level(self, level: str) -> tuple[str, ...]:
        if level not in self._levels:
            raise UsageError(
                f"there is no level of detail {level!r}{did_you_mean(level, self._levels)}; "
                f"declared are {', '.join(self._levels)}"
            )
        return self._levels[level]

    def _known(self, names: Iterable[str], level: str) -> frozenset[str]:
        allowed = self._level(level)
        known = frozenset(names)
        for name in sorted(known.difference(allowed)):
            raise UsageError(f"{level} has no column {name!r}{did_you_mean(name, allowed)}")
        return known


def _mapping(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row iterates over its values
