"""Every table as a tile of a map: its part in the tenancy, its most urgent finding, its size.

A database of thousands of tables stays legible: schemas with urgent findings come first, so do tables within
a schema, and beyond a limit tables are counted instead of drawn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from tenfold.model.audit import Audit
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableClass, TableTenancy
from tenfold.model.wording import counted
from tenfold.report.outline import KINDS, legible
from tenfold.rules.subject import Subject

#: What a tile is coloured by: the table's class, or `other` for views and whatever else has findings.
Colour = TableClass | Literal["other"]
CLASSES: dict[Colour, str] = {
    "tenant": "tenant",
    "child": "child of a tenant's table",
    "tenant_table": "the tenants' own table",
    "shared": "shared",
    "other": "view or other relation",
}

#: Bytes below which a tile has size 1, 2, 3; the largest is 4.
STEPS = (10**6, 10**8, 10**10)
SIZES = ("under 1 MB", "1 MB to 100 MB", "100 MB to 10 GB", "10 GB and more")

#: Tables of the whole map above which tiles carry no names; tiles drawn of one schema, and of the map.
NAMED = 400
DRAWN_OF_SCHEMA = 600
DRAWN = 3_000
#: Schemas that are shown unfolded.
UNFOLDED = 12
_RULES_LISTED = 6


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    relation: int
    name: str
    colour: Colour
    #: Its class in a word or two, or what it is instead of a table.
    label: str
    #: From 1 to 4; see SIZES.
    size: int
    #: Name, class and why, rows and bytes, rules: a line each.
    summary: str
    findings: int = 0
    #: Of its most urgent finding, and that finding's place in `Audit.findings`.
    priority: Priority | None = None
    first: int | None = None


class SchemaTiles(msgspec.Struct, frozen=True, kw_only=True):
    """One schema's tiles, the most urgent first."""

    schema: str
    tiles: tuple[Tile, ...]
    #: How many of the schema's tables are not drawn.
    omitted: int
    #: Tables by the priority of their most urgent finding.
    urgent: dict[Priority, int]
    unfolded: bool

    @property
    def count(self) -> int:
        return len(self.tiles) + self.omitted


class TableMap(msgspec.Struct, frozen=True):
    schemas: tuple[SchemaTiles, ...]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.schemas)

    @property
    def named(self) -> bool:
        return self.count <= NAMED

    @property
    def colours(self) -> dict[Colour, str]:
        """The classes that occur, with their words: the legend."""
        present = {tile.colour for group in self.schemas for tile in group.tiles}
        return {colour: words for colour, words in CLASSES.items() if colour in present}

    @property
    def sizes(self) -> dict[int, str]:
        """The sizes that occur."""
        present = {tile.size for group in self.schemas for tile in group.tiles}
        return {size: words for size, words in enumerate(SIZES, start=1) if size in present}


def table_map(audit: Audit, snapshot: Snapshot) -> TableMap:
    subject = Subject(snapshot=snapshot, tenancy=audit.tenancy)
    found = _by_root(audit, subject)
    by_schema: defaultdict[str, list[Tile]] = defaultdict(list)
    for oid in dict.fromkeys((*(table.relation for table in audit.tenancy.tables), *found)):
        relation = snapshot.relation_by_oid[oid]
        by_schema[relation.schema].append(
            _tile(subject, relation, audit.tenancy.of(oid), found.get(oid, ()), audit.findings)
        )
    groups = [(schema, sorted(tiles, key=_urgency), _urgent(tiles)) for schema, tiles in by_schema.items()]
    groups.sort(key=lambda group: (*(-group[2].get(priority, 0) for priority in Priority), group[0]))
    return TableMap(tuple(_drawn(groups)))


def root_relation(subject: Subject, finding: Finding) -> Relation | None:
    """The relation that a finding belongs to on the map: a partition's is the table it is a part of."""
    relation = subject.snapshot.relation_by_oid.get(finding.relation or 0)
    return subject.root_of(relation) if relation is not None else None


def _by_root(audit: Audit, subject: Subject) -> Mapping[int, Sequence[int]]:
    """Places in `Audit.findings`, by relation."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place, finding in enumerate(audit.findings):
        relation = root_relation(subject, finding)
        if relation is not None:
            found[relation.oid].append(place)
    return found


def _drawn(groups: Sequence[tuple[str, list[Tile], dict[Priority, int]]]) -> list[SchemaTiles]:
    drawn, left = [], DRAWN
    for position, (schema, tiles, urgent) in enumerate(groups):
        room = min(left, DRAWN_OF_SCHEMA)
        left -= min(len(tiles), room)
        drawn.append(
            SchemaTiles(
                schema=legible(schema),
                tiles=tuple(tiles[:room]),
                omitted=max(len(tiles) - room, 0),
                urgent=urgent,
                unfolded=position < UNFOLDED,
            )
        )
    return drawn


# --- one tile ---


def _tile(
    subject: Subject,
    relation: Relation,
    part: TableTenancy | None,
    places: Sequence[int],
    findings: Sequence[Finding],
) -> Tile:
    own = [findings[place] for place in places]
    size = _bytes(subject, relation)
    return Tile(
        relation=relation.oid,
        name=legible(relation.name),
        colour=part.table_class if part else "other",
        label=part.table_class.replace("_", " ") if part else KINDS[relation.kind],
        size=1 + sum(size >= step for step in STEPS),
        summary=_summary(subject, relation, part, own, size),
        findings=len(own),
        # Findings come most urgent first.
        priority=own[0].priority if own else None,
        first=places[0] if places else None,
    )


def _summary(
    subject: Subject,
    relation: Relation,
    part: TableTenancy | None,
    own: Sequence[Finding],
    size: int,
) -> str:
    kind = f"{CLASSES[part.table_class]}: {part.why}" if part else KINDS[relation.kind]
    lines = [relation.display, kind]
    if relation.is_table:
        lines.append(f"{counted(round(subject.rows(relation)), 'row')}, {_sized(size)}")
    lines.extend(_rules(own))
    return "\n".join(legible(line) for line in lines)


def _rules(own: Sequence[Finding]) -> list[str]:
    """Each rule that has findings, at its most urgent."""
    counts = Counter((finding.priority, finding.rule) for finding in own)
    named = [f"{priority} {rule}" + (f" ({n})" if n > 1 else "") for (priority, rule), n in counts.items()]
    more = len(named) - _RULES_LISTED
    return named[:_RULES_LISTED] + ([f"and {counted(more, 'more rule')}"] if more > 0 else [])


def _bytes(subject: Subject, relation: Relation) -> int:
    """Of the heap and its TOAST, all partitions together, without indexes."""
    return sum((part.size_bytes or 0) + (part.toast_bytes or 0) for part in subject.storage_of(relation))


def _sized(size: float) -> str:
    units = iter(("bytes", "kB", "MB", "GB"))
    unit = next(units)
    while size >= 1000 and (larger := next(units, None)) is not None:
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:,.1f} {unit}"


def _urgency(tile: Tile) -> tuple[str, int, str]:
    return tile.priority or "P9", -tile.size, tile.name


def _urgent(tiles: Sequence[Tile]) -> dict[Priority, int]:
    counts = Counter(tile.priority for tile in tiles)
    return {priority: counts[priority] for priority in Priority if counts[priority]}
