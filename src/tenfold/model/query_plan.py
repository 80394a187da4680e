"""The planner's answer: a tree of nodes, as EXPLAIN (FORMAT JSON) writes it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import field

# Nodes that PostgreSQL 18 is free to add or leave out without another way of reading or joining.
_PASSING = frozenset({"Result", "Subquery Scan"})


class PlanNode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One node. Costs are planner units, rows are for one loop; actual figures are None unless analyzed."""

    type: str = field(name="Node Type")
    startup_cost: float = field(name="Startup Cost", default=0.0)
    total_cost: float = field(name="Total Cost", default=0.0)
    rows: float = field(name="Plan Rows", default=0.0)
    #: Bytes a row.
    width: int = field(name="Plan Width", default=0)
    parallel: bool = field(name="Parallel Aware", default=False)
    #: Outer, Inner, SubPlan, InitPlan, Member, Subquery.
    relationship: str | None = field(name="Parent Relationship", default=None)
    subplan: str | None = field(name="Subplan Name", default=None)
    schema: str | None = field(name="Schema", default=None)
    relation: str | None = field(name="Relation Name", default=None)
    alias: str | None = field(name="Alias", default=None)
    index: str | None = field(name="Index Name", default=None)
    direction: str | None = field(name="Scan Direction", default=None)
    join: str | None = field(name="Join Type", default=None)
    #: Of aggregates and set operations: Plain, Sorted, Hashed, Mixed.
    strategy: str | None = field(name="Strategy", default=None)
    partial_mode: str | None = field(name="Partial Mode", default=None)
    operation: str | None = field(name="Operation", default=None)
    index_condition: str | None = field(name="Index Cond", default=None)
    recheck_condition: str | None = field(name="Recheck Cond", default=None)
    hash_condition: str | None = field(name="Hash Cond", default=None)
    merge_condition: str | None = field(name="Merge Cond", default=None)
    join_filter: str | None = field(name="Join Filter", default=None)
    filter: str | None = field(name="Filter", default=None)
    one_time_filter: str | None = field(name="One-Time Filter", default=None)
    sort_key: tuple[str, ...] = field(name="Sort Key", default=())
    presorted_key: tuple[str, ...] = field(name="Presorted Key", default=())
    group_key: tuple[str, ...] = field(name="Group Key", default=())
    workers_planned: int | None = field(name="Workers Planned", default=None)
    subplans_removed: int | None = field(name="Subplans Removed", default=None)
    # --- of EXPLAIN ANALYZE ---
    actual_rows: float | None = field(name="Actual Rows", default=None)
    loops: float | None = field(name="Actual Loops", default=None)
    #: Milliseconds a loop; None where node timing was off.
    actual_ms: float | None = field(name="Actual Total Time", default=None)
    removed_by_filter: float | None = field(name="Rows Removed by Filter", default=None)
    removed_by_recheck: float | None = field(name="Rows Removed by Index Recheck", default=None)
    #: Pages of a bitmap whose rows had to be looked at one by one.
    lossy_blocks: int | None = field(name="Lossy Heap Blocks", default=None)
    heap_fetches: float | None = field(name="Heap Fetches", default=None)
    sort_method: str | None = field(name="Sort Method", default=None)
    #: Kilobytes, and whether in Memory or on Disk.
    sort_space: int | None = field(name="Sort Space Used", default=None)
    sort_space_type: str | None = field(name="Sort Space Type", default=None)
    hash_batches: int | None = field(name="Hash Batches", default=None)
    disk_usage: int | None = field(name="Disk Usage", default=None)
    workers_launched: int | None = field(name="Workers Launched", default=None)
    blocks_hit: int | None = field(name="Shared Hit Blocks", default=None)
    blocks_read: int | None = field(name="Shared Read Blocks", default=None)
    temp_blocks_written: int | None = field(name="Temp Written Blocks", default=None)
    children: tuple[PlanNode, ...] = field(name="Plans", default=())

    def walk(self) -> Iterator[PlanNode]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def label(self) -> str:
        """What EXPLAIN's text says of it: `Index Scan using leads_pkey on leads l`."""
        words = [f"Parallel {self.type}" if self.parallel else self.type]
        if self.type == "ModifyTable" and self.operation:
            words = [self.operation]
        if self.strategy and self.type == "Aggregate":
            words = [{"Hashed": "HashAggregate", "Sorted": "GroupAggregate"}.get(self.strategy, "Aggregate")]
            if self.partial_mode in ("Partial", "Finalize"):
                words.insert(0, self.partial_mode)
        if self.join and self.join != "Inner":
            words.append(f"({self.join})")
        if self.index:
            words.append(f"using {self.index}" if self.relation else f"on {self.index}")
        if self.relation:
            words.append(f"on {self.relation}")
            if self.alias and self.alias != self.relation:
                words.append(self.alias)
        return " ".join(words)

    @property
    def is_passing(self) -> bool:
        """Whether it hands on the rows of its one child, and may as well be left out."""
        return self.type in _PASSING and len(self.children) == 1

    @property
    def shape(self) -> str:
        """How the rows are found and joined, without figures: equal for plans that work alike."""
        below = ", ".join(child.shape for child in self.children)
        if self.is_passing:
            return below
        return f"{self.label}({below})" if below else self.label


class QueryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One EXPLAIN."""

    root: PlanNode = field(name="Plan")
    planning_ms: float | None = field(name="Planning Time", default=None)
    execution_ms: float | None = field(name="Execution Time", default=None)

    @property
    def cost(self) -> float:
        """The planner's total, in its own units."""
        return self.root.total_cost

    @property
    def shape(self) -> str:
        return self.root.shape


def decode_plan(text: bytes | str) -> QueryPlan:
    """What EXPLAIN (FORMAT JSON) answered: a list of one object."""
    return _DECODER.decode(text)[0]


_DECODER = msgspec.json.Decoder(tuple[QueryPlan, ...])
