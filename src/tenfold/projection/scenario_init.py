"""Writes a scenario from what a database shows: its rows today at month 0, and from there the rates seen.

What nothing shows is assumed, modestly, and marked: of empty tables, from their keys, types, checks,
enumerations and names.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

from tenfold.model.allowed_values import allowed_values
from tenfold.model.relations import Relation
from tenfold.model.scenario import (
    MONTH_DAYS,
    TENANT,
    ColumnContent,
    Draft,
    Scenario,
    TableGrowth,
    Tenants,
)
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.model.wording import counted
from tenfold.projection.arrivals import Arrivals, arrivals_of, is_event
from tenfold.projection.ground import Ground
from tenfold.projection.told import in_order

ASSUMED = "assumed"

#: Assumed where nothing shows it: tenants a month, rows a month for each tenant, and of each parent's row.
_TENANTS, _EVENTS, _ENTITIES, _PER_PARENT = 5, 1_000, 500, 1
_RETENTION_DAYS = 30
#: And of what is there, a month.
_PERCENT, _SHARE = "5%", 0.05
#: Exponent of Zipf's law: tenants of products are seldom alike.
_ZIPF = 1.0
#: A name of tables whose rows are gone once they are done with.
_TRANSIENT = re.compile(r"(^|_)(queue|outbox|sessions?|locks?|tokens?|nonces?|otps?)$")
#: A table grows by itself where its rows become more that many times as fast as those it hangs on.
_FASTER = 1.25
#: Fewest rows a month, of all, that are worth a word on a table that belongs to no tenant.
_GROWING = 0.01
#: Rows below which a table is too small to know how values are spread, and tenants to know the skew.
_FEW_ROWS, _FEW_TENANTS = 100, 10


def draft_scenario(snapshot: Snapshot, tenancy: Tenancy) -> Draft:
    """A scenario that `check_scenario` accepts and that gives today's rows at month 0."""
    return _Drafting(Ground(snapshot, tenancy)).draft()


class _Drafting:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.snapshot = ground.snapshot
        self.remarks: dict[tuple[str, ...], str] = {}
        self.today = datetime.datetime.fromisoformat(self.snapshot.server.now).date()
        #: Rows at month 0 as the scenario comes to them, before they are rounded, by relation oid.
        self.rows: dict[int, float] = {}
        #: Rows that a month adds, as a share of those there are; 0 where nothing tells.
        self.pace: dict[int | None, float] = {}

    def draft(self) -> Draft:
        tenants = self._tenants()
        follows = self.ground.follows({})
        tables = {}
        for oid in in_order(follows, self.ground):
            relation = self.ground.by_oid[oid]
            if oid == self.ground.tenancy.tenant_table:
                self.rows[oid] = self.ground.rows(oid)
                continue
            table = None if relation.kind == "m" else self._table(relation, follows[oid])
            if table is not None:
                tables[oid] = table
        named = {
            self.ground.name_of(relation): tables[relation.oid]
            for relation in self.ground.relations
            if relation.oid in tables
        }
        self.remarks[()] = self._introduction()
        return Draft(Scenario(start=self.today, tenants=tenants, tables=named), self.remarks)

    def _introduction(self) -> str:
        unknown = sum(map(self.ground.is_unknown, self.ground.by_oid))
        return (
            f"How {self.snapshot.database.name} grows, as its catalog shows it on {self.today}.\n"
            f"What nothing there showed is marked `{ASSUMED}`: put in what you know, and take the mark off.\n"
            "A table that is not named grows with the one that it belongs to; docs/reference/scenario.md."
            + (
                f"\n{counted(unknown, 'table')} never analyzed: run ANALYZE, and begin anew."
                if unknown
                else ""
            )
        )

    def _remark(self, text: str, *path: str) -> None:
        self.remarks[path] = text

    # --- tenants ---

    def _tenants(self) -> Tenants:
        ground = self.ground
        if ground.tenancy.column is None:
            return Tenants()
        count = round(ground.tenants)
        seen = None
        if ground.tenancy.tenant_table is not None:
            seen = arrivals_of(self.snapshot, ground.by_oid[ground.tenancy.tenant_table])
        assumed = []
        if not count:
            count = 1
            assumed.append("there is no tenant yet")
            self._remark(f"{ASSUMED}: there is none yet", "tenants", "count")
        growth: float | str
        if seen is not None:
            growth = _rounded(seen.monthly)
            self._remark(seen.why, "tenants", "growth")
        else:
            growth = _TENANTS if count < _FEW_TENANTS else _PERCENT
            assumed.append("nothing shows how many join a month")
            self._remark(ASSUMED, "tenants", "growth")
        self.pace[None] = (growth if not isinstance(growth, str) else _SHARE * count) / count
        zipf = None
        if count < _FEW_TENANTS:
            zipf = _ZIPF
            assumed.append("too few to show how unlike they are")
            self._remark(f"{ASSUMED}: the largest has twice the rows of the second", "tenants", "zipf")
        return Tenants(count=count, growth=growth, zipf=zipf, assumed="; ".join(assumed) or None)

    # --- tables ---

    def _table(self, relation: Relation, parent: int | None) -> TableGrowth | None:
        oid, name = relation.oid, self.ground.name_of(relation)
        rows = self.ground.rows(oid)
        self.rows[oid], self.pace[oid] = rows, 0.0
        seen = arrivals_of(self.snapshot, relation)
        if self.ground.is_shared(oid):
            return self._whole(name, oid, rows, seen)
        per, above = self._above(parent)
        if parent is not None and rows and not above:
            # Rows without one row of what they belong to: a key that is null.
            parent, per, above = None, TENANT, self.ground.tenants
        if not rows:
            return self._empty(relation, parent, per, above)
        if seen is not None and seen.retention_days is not None:
            return self._leaving(name, oid, per, above, rows, seen)
        ratio = _shortest(rows / above, lambda value: round(value * above) == round(rows))
        self.rows[oid] = ratio * above
        self.pace[oid] = self.pace[parent]
        self._remark(f"{rows:,.0f} in all", "tables", name, "rows")
        if seen is not None and seen.monthly / rows > _FASTER * self.pace[parent]:
            self.pace[oid] = seen.monthly / rows
            self._remark(f"{_rounded(seen.monthly):,.0f} in all: {seen.why}", "tables", name, "monthly")
            return TableGrowth(per=per, rows=ratio, monthly=_rounded(seen.monthly / above))
        return self._filled_out(relation, TableGrowth(per=per, rows=ratio))

    def _above(self, parent: int | None) -> tuple[str, float]:
        """What rows are counted for, and how many of those there are at month 0."""
        if parent is not None:
            return self.ground.name_of(self.ground.by_oid[parent]), self.rows[parent]
        return TENANT, max(1.0, float(round(self.ground.tenants)))

    def _whole(self, name: str, oid: int, rows: float, seen: Arrivals | None) -> TableGrowth | None:
        """Of a table that belongs to no tenant: a word where it grows, none of a lookup."""
        if self.ground.tenancy.column is None and seen is None and rows >= _FEW_ROWS:
            self._remark(ASSUMED, "tables", name, "growth")
            return TableGrowth(rows=rows, growth=_PERCENT, assumed="nothing shows how it grows")
        if seen is None or seen.retention_days is not None or seen.monthly < _GROWING * rows:
            return None
        self.pace[oid] = seen.monthly / rows
        self._remark(seen.why, "tables", name, "monthly")
        return TableGrowth(rows=float(round(rows)), monthly=_rounded(seen.monthly))

    def _leaving(
        self, name: str, oid: int, per: str, above: float, rows: float, seen: Arrivals
    ) -> TableGrowth:
        months = (seen.retention_days or MONTH_DAYS) / MONTH_DAYS
        monthly = _shortest(rows / months / above, lambda value: round(value * above * months) == round(rows))
        self.rows[oid] = monthly * above * months
        self._remark(f"{rows:,.0f} rows at any time", "tables", name, "monthly")
        self._remark(seen.why, "tables", name, "retention_days")
        return TableGrowth(per=per, monthly=monthly, retention_days=seen.retention_days)

    def _empty(self, relation: Relation, parent: int | None, per: str, above: float) -> TableGrowth:
        """Of a table without a row: by its key to another table, its name, and whether it tells events."""
        name = self.ground.name_of(relation)
        event = is_event(self.snapshot, relation)
        kind = "tells what happened" if event else "has rows of its own"
        size = "never analyzed, so taken for empty" if self.ground.is_unknown(relation.oid) else "empty"
        # Rows that leave at an even pace would be there at month 0, unless their parents are still to come.
        if _TRANSIENT.search(relation.name.lower()) and not above:
            self._remark(ASSUMED, "tables", name, "monthly")
            self._remark(f"{ASSUMED} from its name", "tables", name, "retention_days")
            why = f"{size}: its rows are taken to leave again, from its name"
            table = TableGrowth(per=per, monthly=_PER_PARENT, retention_days=_RETENTION_DAYS, assumed=why)
        elif not above and (not event or self._is_event(parent)):
            self._remark(ASSUMED, "tables", name, "rows")
            table = TableGrowth(per=per, rows=_PER_PARENT, assumed=f"{size}: one for each row of {per}")
        else:
            self._remark(ASSUMED, "tables", name, "monthly")
            monthly = self._rate(parent, event=event)
            table = TableGrowth(per=per, monthly=monthly, assumed=f"{size}: {kind}, by its columns")
        return self._filled_out(relation, table)

    def _rate(self, parent: int | None, *, event: bool) -> float:
        if parent is not None:
            return _PER_PARENT
        return _EVENTS if event else _ENTITIES

    def _is_event(self, oid: int | None) -> bool:
        return oid is not None and is_event(self.snapshot, self.ground.by_oid[oid])

    # --- columns ---

    def _filled_out(self, relation: Relation, table: TableGrowth) -> TableGrowth:
        """With what enumerations and checks allow, where the table is too small to show how it is spread."""
        if self.ground.rows(relation.oid) >= _FEW_ROWS or (table.monthly is None and table.assumed is None):
            return table
        columns = {}
        for column in self.snapshot.columns_of(relation.oid):
            allowed = allowed_values(self.snapshot, column)
            if not allowed:
                continue
            # Rounded down, so that they are never more than all.
            share = int(10_000 / len(allowed)) / 10_000
            told = "its enumeration" if column.type_kind == "e" else "its check"
            columns[column.name] = ColumnContent(
                values=dict.fromkeys(allowed, share), assumed=f"values alike in number, from {told}"
            )
            path = ("tables", self.ground.name_of(relation), "columns", column.name)
            self._remark(ASSUMED, *path, "values")
        return TableGrowth(
            per=table.per,
            rows=table.rows,
            monthly=table.monthly,
            retention_days=table.retention_days,
            columns=columns,
            assumed=table.assumed,
        )


# --- numbers ---


def _shortest(value: float, fits: Callable[[float], bool]) -> float:
    """The number of fewest digits that fits as the value does."""
    for digits in range(1, 17):
        short = float(f"{value:.{digits}g}")
        if fits(short):
            return short
    return value


def _rounded(value: float) -> float:
    """Three digits: rates are not known better."""
    return float(f"{value:.3g}")
