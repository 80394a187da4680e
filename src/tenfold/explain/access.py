"""Scans that read much to return little: whole tables, and rows that a filter throws away. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.explain.closed_index import COMPARED, SCANS, changed, conditions_of, index_missed, not_leakproof
from tenfold.explain.conditions import Condition, conditions
from tenfold.explain.ground import MANY_ROWS, Ground, Place
from tenfold.model.ddl import names
from tenfold.model.explained import Verdict
from tenfold.model.relations import Column, Relation

#: Share of the rows from which an index finds them no faster than a scan.
_MUCH = 0.2
#: Rows thrown away for each one kept, from which a filter is a poor index.
_POOR = 9.0


def sequential_scan(place: Place, ground: Ground) -> Iterator[Verdict]:
    """All of a large table is read."""
    node = place.node
    relation = ground.relation(node) if node.type == "Seq Scan" else None
    if relation is None or relation.rows < MANY_ROWS:
        return
    if place.analyzed:
        read = _counted(place)
        message = f"read {read:,.0f} rows of {relation.display}, which has {relation.rows:,.0f}"
    else:
        read = relation.rows
        up_to = "up to " if place.may_stop else ""
        message = f"reads {up_to}all {read:,.0f} rows ({relation.pages:,} pages) of {relation.display}"
    if read < MANY_ROWS:
        return
    if node.filter is not None:
        message += f"{',' if place.analyzed else ''} to return {place.rows:,.0f}"
    yield Verdict("sequential-scan", node.label, place.path, message, _instead(place, relation, ground))


def filter_discards(place: Place, ground: Ground) -> Iterator[Verdict]:
    """Most of what was read is thrown away: counted, or expected where it can be told what is read."""
    node = place.node
    relation = ground.relation(node)
    if node.filter is None or relation is None or node.type not in SCANS:
        return
    if node.type == "Seq Scan" and relation.rows >= MANY_ROWS and place.loops <= 1:
        return  # said of the scan
    read = (
        place.rows + (node.removed_by_filter or 0) * place.loops if place.analyzed else _read(place, ground)
    )
    if read is None or read - place.rows < max(MANY_ROWS, _POOR * place.rows):
        return
    message = f"its filter throws away {read - place.rows:,.0f} of the {read:,.0f} rows that it reads"
    remedy = _index_for(place, relation, ground)
    yield Verdict("filter-discards", node.label, place.path, message, remedy)


# --- what an index could do ---


def _instead(place: Place, relation: Relation, ground: Ground) -> str:
    if any(True for judge in (not_leakproof, index_missed) for _ in judge(place, ground)):
        return "see the index that cannot be used"
    if place.node.filter is None or place.rows > _MUCH * relation.rows:
        return "it wants so much of the table that no index helps: read less of it, or keep the result"
    return _index_for(place, relation, ground)


def _index_for(place: Place, relation: Relation, ground: Ground) -> str:
    """The index that the conditions want, or why there is none to make."""
    columns = _searched(place, relation, ground)
    if not columns:
        return "no condition is one that an index searches by; compare a column itself"
    for index in ground.indexes(relation):
        keys = ground.key_names(index)[: len(columns)]
        if index.method == "btree" and index.predicate is None and set(keys) == set(columns):
            return (
                f"index {index.name} has all that can be searched by ({names(columns)}), and leaves many: "
                "narrow the search by another column"
            )
    return f"an index on {ground.whole(relation).display} ({names(columns)}) would find them"


def _searched(place: Place, relation: Relation, ground: Ground) -> tuple[str, ...]:
    """Columns that a B-tree could search by: those held equal, then one range."""
    equal: dict[str, None] = {}
    ranged: dict[str, None] = {}
    for condition in conditions_of(place.node):
        column = _plain(condition, relation, ground)
        if column is None or not _serves(column, condition.operator or "", relation, ground):
            continue
        (equal if condition.operator == "=" else ranged)[column.name] = None
    tenant = [name for name in equal if name in ground.tenancy.columns]
    rest = [name for name in equal if name not in tenant]
    return (*tenant, *rest, *[name for name in ranged if name not in equal][:1])


def _plain(condition: Condition, relation: Relation, ground: Ground) -> Column | None:
    """The column of `column = value` and its like, where the column is compared as it is."""
    if condition.operator not in COMPARED:
        return None
    side = condition.left
    column = ground.snapshot.column(relation.oid, side.column) if side.column else None
    if column is None or side.function is not None or changed(column, side.cast, None) is not None:
        return None
    return column


def _serves(column: Column, operator: str, relation: Relation, ground: Ground) -> bool:
    """Whether the role could have an index searched by this operator."""
    if not ground.binds(relation):
        return True
    found = ground.operator(column, operator)
    return found is None or found.leakproof


def _counted(place: Place) -> float:
    """Rows that were read, before the filter."""
    return place.rows + (place.node.removed_by_filter or 0.0) * place.loops


def _read(place: Place, ground: Ground) -> float | None:
    """Rows that a scan is expected to read before its filter; None where that cannot be told."""
    node, relation = place.node, ground.relation(place.node)
    if relation is None:
        return None
    if node.type == "Bitmap Heap Scan":
        return node.children[0].rows if node.children[0].type == "Bitmap Index Scan" else None
    parts = conditions(node.index_condition)
    share = 1.0
    for part in parts:
        selected = _selectivity(part, relation, ground)
        if selected is None:
            return None
        share *= selected
    return relation.rows * share


def _selectivity(condition: Condition, relation: Relation, ground: Ground) -> float | None:
    """Share of the rows that an `=` selects, as var_eq_const() of selfuncs.c has it."""
    column = _plain(condition, relation, ground)
    if column is None or condition.operator != "=" or condition.any:
        return None
    statistics = ground.snapshot.statistics_of(relation.oid, column.number)
    if statistics is None or statistics.n_distinct == 0:
        return None
    common = dict(zip(statistics.common_values or (), statistics.common_frequencies or (), strict=False))
    value = condition.right.text.rpartition("::")[0].strip("'") or condition.right.text
    if value in common:
        return common[value]
    distinct = statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * relation.rows
    rest = max(0.0, 1.0 - statistics.null_frac - sum(common.values()))
    return rest / max(distinct - len(common), 1.0)
