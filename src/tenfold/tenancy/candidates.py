"""Columns that may carry the tenant, and how far each is believed.

A column is believed by its name, by how many tables have it, by foreign keys that agree on one table, and by
how much of the database hangs on it: in a product that tenants share, nearly everything does, while from the
customer of a shop no foreign key leads to its catalogue.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

import msgspec

from tenfold.model.relations import Column
from tenfold.tenancy.ground import Ground
from tenfold.tenancy.names import (
    CERTAIN,
    LIKELY,
    OTHER,
    PERSON,
    SHOPPER,
    is_bare,
    is_person,
    likelihood,
    stem,
    table_names,
)

#: Fewest tables that must have the column.
FEWEST_TABLES = 2

#: Least share of the tables that must have the column and that must belong to its tenants, with it or through
#: foreign keys, and least share of its columns with a foreign key to one table, by how much the name says.
LEAST: dict[float, tuple[float, float, float]] = {
    CERTAIN: (0.15, 0.0, 0.0),
    LIKELY: (0.25, 0.6, 0.0),
    SHOPPER: (0.25, 0.9, 0.0),
}
LEAST_OF_OTHERS = (0.5, 0.9, 0.8)

#: Candidates whose reach is worth finding out: it is asked for the likeliest only, so that all stays linear.
LIKELIEST = 8

# Types that a tenant's key has in practice; `format_type` writes lengths behind them.
_KEY_TYPES = frozenset({"bigint", "integer", "smallint", "numeric", "uuid", "text", "citext", "character"})


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    column: str
    #: How much its name and the table behind it say.
    likelihood: float
    #: The table behind it: where most of its foreign keys lead, or else one that is called like it, in the
    #: schema of most; the column that those keys refer to, and how many they are.
    table: int | None = None
    key: int | None = None
    foreign_keys: int = 0
    #: Oids of the tables that have it, the table behind it left out.
    holders: frozenset[int]
    #: Of the tables in its schemas that are the product's own: how many have it.
    share: float = 0.0

    @property
    def agreement(self) -> float:
        return self.foreign_keys / len(self.holders) if self.holders else 0.0

    @property
    def score(self) -> float:
        """Half of the belief is the name's and the tables', half is earned by foreign keys."""
        return self.likelihood * self.share * (0.5 + 0.5 * self.agreement)


def candidates(ground: Ground, told: Collection[str], told_root: int | None = None) -> dict[str, Candidate]:
    """Every column that may carry the tenant, by name.

    In any case those that the configuration names, and those that lead to the tenant table that it names.
    """
    holders: defaultdict[str, set[int]] = defaultdict(set)
    targets: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    to_root = {end for end, target in ground.lone_keys.items() if target[0] == told_root}
    telling = {column.name for column in ground.snapshot.columns}
    telling = {name for name in telling if name in told or stem(name) is not None}
    for column in ground.snapshot.columns:
        place = (column.relation, column.number)
        if column.name not in telling and place not in to_root:
            continue  # nearly every column: nothing more is asked of it
        if column.relation not in ground.by_oid:
            continue
        target = ground.lone_keys.get(place)
        if not (column.name in told or place in to_root or _could_carry(column, target is not None)):
            continue
        holders[column.name].add(column.relation)
        if target is not None and target[0] != column.relation:
            targets[column.name][target] += 1
    totals = Counter(ground.by_oid[oid].schema for oid in ground.telling)
    in_any_case = {ground.snapshot.column_by_number[place].name for place in to_root}.union(told)
    return {
        name: _candidate(ground, name, oids, targets[name], totals)
        for name, oids in holders.items()
        # A name that says little has to be on several tables even to be another name of the column.
        if len(oids) >= FEWEST_TABLES or likelihood(name) > OTHER or name in in_any_case
    }


def believed(ground: Ground, found: Iterable[Candidate]) -> list[Candidate]:
    """Those that may be taken for the tenant column without being told."""
    likeliest = sorted(
        (each for each in found if len(each.holders) >= FEWEST_TABLES and each.likelihood > PERSON),
        key=lambda each: (-each.score, each.column),
    )
    return [candidate for candidate in likeliest[:LIKELIEST] if _is_believed(ground, candidate)]


def reach(ground: Ground, candidate: Candidate) -> float:
    """Share of the product's own tables that belong to the candidate's tenants, through foreign keys too."""
    below = set(candidate.holders)
    ground.descend(candidate.holders, below)
    schemas = {ground.by_oid[oid].schema for oid in candidate.holders}
    telling = {
        oid for oid in ground.telling if oid != candidate.table and ground.by_oid[oid].schema in schemas
    }
    return len(below & telling) / len(telling) if telling else 0.0


def _could_carry(column: Column, leads_somewhere: bool) -> bool:
    if is_bare(column.name) and column.type_category == "S" and not leads_somewhere:
        return False  # `company text` is somebody's employer
    return column.type_kind == "d" or column.type.partition("(")[0].split(" ")[0] in _KEY_TYPES


def _candidate(
    ground: Ground, name: str, oids: set[int], targets: Counter[tuple[int, int]], totals: Counter[str]
) -> Candidate:
    table, key, count = _table_behind(ground, name, oids, targets)
    holders = frozenset(oids - {table})
    schemas = {ground.by_oid[oid].schema for oid in holders}
    total = sum(totals[schema] for schema in schemas)
    if table in ground.telling and ground.by_oid[table].schema in schemas:
        total -= 1
    said = likelihood(name)
    if said < CERTAIN and table is not None and is_person(ground.by_oid[table].name):
        said = PERSON
    return Candidate(
        column=name,
        likelihood=said,
        table=table,
        key=key,
        foreign_keys=count,
        holders=holders,
        share=len(holders & ground.telling) / total if total else 0.0,
    )


def _table_behind(
    ground: Ground, name: str, oids: set[int], targets: Counter[tuple[int, int]]
) -> tuple[int | None, int | None, int]:
    if targets:
        (table, key), count = targets.most_common(1)[0]
        return table, key, count
    for wanted in table_names(name):
        if wanted in ground.by_name:
            schemas = Counter(ground.by_oid[oid].schema for oid in oids)
            return max(ground.by_name[wanted], key=lambda one: (schemas[one.schema], -one.oid)).oid, None, 0
    return None, None, 0


def _is_believed(ground: Ground, candidate: Candidate) -> bool:
    share, reached, agreement = LEAST.get(candidate.likelihood, LEAST_OF_OTHERS)
    return (
        candidate.share >= share and candidate.agreement >= agreement and reach(ground, candidate) >= reached
    )
