"""Reads a statement: each use of a tenant table in it, and whether something holds it to a tenant.

Sound, not complete: where a use is found held, no row of another tenant takes part in a result or a write,
whatever the rows are; where the reader does not understand a condition, it counts as not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tenfold.runtime.guard.conditions import Term, bare, parts
from tenfold.runtime.guard.facts import Column
from tenfold.runtime.guard.queries import Queries, is_default
from tenfold.runtime.guard.rows import Listed, Relation, Rows, Selected
from tenfold.runtime.guard.scope import Block, alias_of, spelt
from tenfold.runtime.guard.sources import name_of
from tenfold.runtime.guard.syntax import Unreadable, parsed
from tenfold.runtime.guard.tables import Tables, TenantTable
from tenfold.runtime.guard.values import Computed, Parameter, Value
from tenfold.runtime.guard.verdict import PASSED, Comparison, Verdict

_COMPUTED: Term = frozenset({Computed()})


def read(statement: str, tables: Tables, column: str) -> Verdict:
    """What is wrong with it, and what must be the session's tenant. Raises Unreadable."""
    found = parsed(statement)
    reader = _Reader(tables, column)
    for tree in found.trees:
        if found.whole:
            reader.take_whole(tree)
        else:
            reader.query(tree, None)
    reader.finish()
    return reader.verdict(found.others)


class _Reader(Queries):
    def verdict(self, others: Mapping[int, Sequence[int]]) -> Verdict:
        held = self.facts.held()
        faults = dict.fromkeys(self.faults)
        comparisons: dict[Value, Comparison] = {}
        for fault, column in self.demands:
            if column is None or column not in held:
                faults[fault] = None
                continue
            for value in held[column]:
                for each in _with_others(value, others):
                    comparisons.setdefault(each, Comparison(fault.table, fault.column, each))
        return Verdict(tuple(faults), tuple(comparisons.values())) if faults or comparisons else PASSED

    def take_whole(self, tree: exp.Expr) -> None:
        for table in tree.find_all(exp.Table):
            schema, name = name_of(table)
            if (found := self.tables.find(schema, name)) is not None:
                self.faults.append(self.fault("whole", found, schema, name))

    def written(self, tree: exp.Expr, block: Block) -> Rows:
        match tree:
            case exp.Insert():
                return self._insert(tree, block)
            case exp.Update():
                return self._update(tree, block)
            case exp.Delete():
                return self._delete(tree, block)
            case exp.Merge():
                return self._merge(tree, block)
        raise Unreadable("it is of a kind that the guard does not know")

    # --- statements that write ---

    def _insert(self, tree: exp.Insert, block: Block) -> Rows:
        target, listed = tree.this, None
        if isinstance(target, exp.Schema):
            target, listed = target.this, [spelt(each) for each in target.expressions]
        inserting = self.block(block)
        relation = self.target(target, inserting)
        given = tree.args.get("expression")
        rows: Rows | None = None
        if isinstance(given, exp.Values):
            default = relation.table is not None and relation.table.has_default
            rows = self.values(given, block, _COMPUTED if default else None)
        elif given is not None:
            rows = self.query(given, block)
        column = self._inserted(relation, target, listed, rows)
        self._conflict(tree.args.get("conflict"), relation, target, column, inserting)
        return self._returning(tree, inserting)

    def _inserted(
        self, relation: Relation, target: exp.Expr, listed: list[str] | None, rows: Rows | None
    ) -> Column | None:
        """The tenant column of rows that are inserted; demands that it be held."""
        if (table := relation.table) is None:
            return None
        if rows is None or (listed is not None and self.column not in listed):
            column = self.as_column(_COMPUTED if table.has_default else None)
        elif listed is not None:
            column = rows.at(listed.index(self.column))
        elif table.position is not None:
            column = rows.at(table.position - 1)
        else:
            self.faults.append(self.fault("column", table, *name_of(target), alias_of(target)))
            return None
        if column is not None:
            self.facts.carry(column, relation.tenant)
        self.demands.append((self.fault("insert", table, *name_of(target), alias_of(target)), column))
        return column

    def _conflict(
        self, tree: exp.Expr | None, relation: Relation, target: exp.Expr, column: Column | None, block: Block
    ) -> None:
        if tree is None:
            return
        excluded = Relation(self.source_number(), self.column, relation.table)
        if column is not None:
            self.facts.carry(column, excluded.tenant)
        # The row that is there already is another than the one that is inserted.
        there = self.block(block.parent)
        present = self.target(target, there)
        there.add("excluded", excluded)
        self.where(tree, there, {present.source})
        self.conditions.queries_in(there, tree.expressions)
        if relation.table is None or "UPDATE" not in str(tree.args["action"]).upper():
            return
        self._assigned(tree.expressions, relation.table, target)
        keys = [bare(key.this) for key in tree.args.get("conflict_keys") or ()]
        by_tenant = any(isinstance(key, exp.Column) and spelt(key.this) == self.column for key in keys)
        constraint = tree.args.get("constraint")
        by_tenant |= constraint is not None and spelt(constraint) in relation.table.keys
        if not by_tenant:
            self.demand_of("conflict", present, target)

    def _update(self, tree: exp.Update, block: Block) -> Rows:
        target = self.target(tree.this, block)
        self.demand_of("unbound", target, tree.this)
        self.from_(tree, block)
        self.where(tree, block, {*block.inside, block.source})
        self.conditions.queries_in(block, tree.expressions)
        if target.table is not None:
            self._assigned(tree.expressions, target.table, tree.this)
        return self._returning(tree, block)

    def _delete(self, tree: exp.Delete, block: Block) -> Rows:
        self.demand_of("unbound", self.target(tree.this, block), tree.this)
        for item in tree.args.get("using") or ():
            self.item(item, block)
        self.where(tree, block, {*block.inside, block.source})
        return self._returning(tree, block)

    def _merge(self, tree: exp.Merge, block: Block) -> Rows:
        target = self.target(tree.this, block)
        self.demand_of("unbound", target, tree.this)
        self.item(tree.args["using"], block)
        # Rows of the source are read whether they match or not.
        self.facts.demand(self.conditions.read(tree.args["on"], block), {target.source})
        for when in tree.args["whens"].expressions:
            self._when(when, tree.this, target, block)
        return self._returning(tree, block)

    def _when(self, when: exp.When, target: exp.Expr, relation: Relation, block: Block) -> None:
        condition, then = when.args.get("condition"), when.args["then"]
        if when.args.get("source") and not when.args.get("matched"):
            # These are the rows that do not meet the condition of ON.
            unmatched = self.block(block.parent)
            other = self.target(target, unmatched)
            self.demand_of("unbound", other, target)
            if condition is not None:
                self.facts.demand(self.conditions.read(condition, unmatched), {other.source})
        else:
            self.conditions.queries_in(block, condition)
        self.conditions.queries_in(block, then)
        if relation.table is None:
            return
        if isinstance(then, exp.Update):
            self._assigned(then.expressions, relation.table, target)
        elif isinstance(then, exp.Insert):
            self._merged_insert(then, relation.table, target, block)

    def _merged_insert(self, tree: exp.Insert, table: TenantTable, target: exp.Expr, block: Block) -> None:
        columns = [spelt(each.this) for each in parts(tree.this)] if tree.this is not None else None
        values = parts(tree.args["expression"]) if tree.args.get("expression") is not None else []
        place = None if table.position is None else table.position - 1
        if columns is not None:
            place = columns.index(self.column) if self.column in columns else -1
        if place is None:
            self.faults.append(self.fault("column", table, *name_of(target), alias_of(target)))
            return
        default = _COMPUTED if table.has_default else None
        given = values[place] if 0 <= place < len(values) else None
        term = default if given is None or is_default(given) else self.conditions.term(given, block)
        fault = self.fault("insert", table, *name_of(target), alias_of(target))
        self.demands.append((fault, self.as_column(term)))

    def _returning(self, tree: exp.Expr, block: Block) -> Rows:
        returning = tree.args.get("returning")
        if returning is None:
            return Listed(self.source_number(), [])
        return Selected(self.source_number(), self.items(returning.expressions, block), self.facts)

    def _assigned(self, expressions: Sequence[exp.Expr], table: TenantTable, target: exp.Expr) -> None:
        for item in expressions:
            for column in parts(item.this) if isinstance(item, exp.EQ) else ():
                if isinstance(column, exp.Column) and spelt(column.this) == self.column:
                    self.faults.append(self.fault("moves", table, *name_of(target), alias_of(target)))


def _with_others(value: Value, others: Mapping[int, Sequence[int]]) -> list[Value]:
    """What is to be compared with the session's tenant."""
    if isinstance(value, Parameter):
        numbers = (value.number, *others.get(value.number, ()))
        return [Parameter(number, value.listed) for number in numbers]
    return [] if isinstance(value, Computed) else [value]
