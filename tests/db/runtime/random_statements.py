"""Statements over leads, messages and plans, of any form that may hold a table to a tenant, or seem to.

Every query has the columns id, team_id, n. Orders name all columns, so that LIMIT takes the same rows each
time. `%(p)s` is the tenant of the session; now and then a statement is one that the server refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

TABLES = ("leads", "messages")
SETUP = """
CREATE SCHEMA {0};
CREATE TABLE {0}.leads (id int, team_id int NOT NULL, n int);
CREATE TABLE {0}.messages (id int, team_id int NOT NULL, n int);
CREATE TABLE {0}.plans (id int, n int);
INSERT INTO {0}.leads SELECT i, t, (i * t) % 3 FROM generate_series(1, 3) i, unnest({1}) t;
INSERT INTO {0}.messages SELECT i, t, (i + t) % 3 FROM generate_series(1, 2) i, unnest({1}) t;
INSERT INTO {0}.plans SELECT i, i % 2 FROM generate_series(1, 2) i;
"""
# No table has this column, so only a query of WITH gives it.
_PLANS = "plans (id, team_id, n)"


@st.composite
def statements(draw: st.DrawFn) -> str:
    return _Writer(draw).statement()


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._names = 0

    def statement(self) -> str:
        match self._pick(*("select",) * 4, "update", "delete", "insert", "merge"):
            case "update":
                return self._update()
            case "delete":
                source, names = self._source("USING")
                return f"DELETE FROM {self._table()} u{source}{self._where(['u', *names], [], 1)}"
            case "insert":
                return self._insert()
            case "merge":
                return self._merge()
        return self._with() + self._query([], [], 2)

    def _pick(self, *options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def _table(self) -> str:
        return str(self._pick(*TABLES))

    # --- queries ---

    def _with(self) -> str:
        first = f"SELECT id, team_id, n FROM {self._table()} x{self._where(['x'], [], 0)}"
        match self._pick("", "", "with", "recursive"):
            case "with":
                return f"WITH {_PLANS} AS ({first}) "
            case "recursive":
                team = self._pick("y.team_id", "y.team_id", "r.team_id", "y.n")
                step = f"SELECT y.id, {team}, y.n FROM {self._table()} y, plans r"
                return f"WITH RECURSIVE {_PLANS} AS ({first} UNION {step}{self._where(['y', 'r'], [], 0)}) "
        return ""

    def _query(self, around: Sequence[str], more: Sequence[str], depth: int) -> str:
        if depth and self._pick(False, False, False, True):
            left, right = (self._query(around, [], depth - 1) for _ in range(2))
            return f"{left} {self._pick('UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT')} {right}"
        source, names = self._from(around, depth)
        one, other = self._pick(*names), self._pick(*names)
        columns = f"{one}.id, {self._pick(one, other)}.team_id, {one}.n"
        where, tail = self._where(names, around, depth), ""
        match self._pick(*("plain",) * 6, "group", "having", "distinct", "window", "scalar", *more):
            case "group":
                columns, tail = (
                    f"max({one}.id) AS id, {one}.team_id, count(*)::int AS n",
                    f" GROUP BY {one}.team_id",
                )
            case "having":
                columns = f"count(*)::int AS id, {one}.team_id, max({one}.n) AS n"
                tail = f" GROUP BY {one}.team_id HAVING {self._condition([one], around, 0)}"
            case "distinct":
                key = self._pick("id", "team_id")
                columns, tail = f"DISTINCT ON ({one}.{key}) {columns}", f" ORDER BY {one}.{key}, 3, 1, 2"
            case "window":
                part = self._pick(f"PARTITION BY {one}.team_id", f"PARTITION BY {one}.id", "")
                columns = f"{one}.id, {one}.team_id, (count(*) OVER ({part}))::int AS n"
            case "scalar" if depth:
                inner = self._query([*around, *names], [], depth - 1)
                columns = f"{one}.id, {one}.team_id, (SELECT count(*) FROM ({inner}) s)::int AS n"
            case "limit":
                tail = " ORDER BY 3, 1, 2 LIMIT 2"
        return f"SELECT {columns} FROM {source}{where}{tail}"

    def _from(self, around: Sequence[str], depth: int) -> tuple[str, list[str]]:
        text, name = self._item(around, depth)
        names = [name]
        for _ in range(self._pick(0, 0, 1, 1, 2)):
            kind = self._pick(" JOIN", " JOIN", " LEFT JOIN", " RIGHT JOIN", " FULL JOIN", " CROSS JOIN", ",")
            lateral = kind in (" JOIN", " LEFT JOIN", ",") and self._pick(False, True)
            item, name = self._item([*around, *names] if lateral else around, depth, "LATERAL " * lateral)
            text += f"{kind} {item}"
            if kind not in (" CROSS JOIN", ","):
                using = len(names) == 1 and self._pick(*(False,) * 5, True)
                text += " USING (team_id)" if using else f" ON {self._condition([*names, name], around, 0)}"
            names.append(name)
        return text, names

    def _item(self, around: Sequence[str], depth: int, lateral: str = "") -> tuple[str, str]:
        self._names += 1
        name = f"t{self._names}"
        if depth and self._pick(False, False, True):
            return f"{lateral}({self._query(around, ['limit'], depth - 1)}) {name}", name
        if self._pick(*(False,) * 6, True):
            return f"(VALUES (1, {self._pick('7', '%(p)s', '8')}, 1)) {name} (id, team_id, n)", name
        return f"{self._pick(*TABLES, *TABLES, 'plans')} {name}", name

    # --- conditions ---

    def _where(self, names: Sequence[str], around: Sequence[str], depth: int) -> str:
        said = [f"{name}.team_id = %(p)s" for name in names if self._pick(False, True)]
        said += [self._condition(names, around, depth) for _ in range(self._pick(0, 0, 1, 2))]
        return f" WHERE {' AND '.join(said)}" if said else ""

    def _condition(self, names: Sequence[str], around: Sequence[str], depth: int) -> str:
        one, other = self._pick(*names), self._pick(*names, *around)
        simple = (*("bound",) * 6, *("equal",) * 4, "n", "row", "null")
        match self._pick(*simple, "or", "and", "not", "in", "exists"):
            case "equal":
                return f"{one}.team_id = {other}.team_id"
            case "or" | "and" as word:
                left, right = (self._condition(names, around, 0) for _ in range(2))
                return f"({left} {word} {right})"
            case "not":
                return f"NOT ({self._condition(names, around, 0)})"
            case "n":
                sign, there = self._pick("=", "<"), self._pick("id", "n")
                return f"{one}.{self._pick('id', 'n', 'team_id')} {sign} {other}.{there}"
            case "row":
                return f"({one}.team_id, {one}.id) = ({self._pick(f'{other}.team_id', '%(p)s')}, {other}.id)"
            case "null":
                return f"{one}.n IS NOT DISTINCT FROM {other}.n"
            case "in" if depth:
                inner = self._query([*names, *around], ["limit"], depth - 1)
                word = self._pick("IN", "IN", "NOT IN")
                return f"({one}.id, {one}.team_id, 1) {word} (SELECT id, team_id, 1 FROM ({inner}) s)"
            case "exists" if depth:
                inner = self._query([*names, *around], ["limit"], depth - 1)
                return f"{self._pick('', 'NOT ')}EXISTS ({inner})"
        return f"{one}.team_id {self._pick('= %(p)s', '= 7', 'IN (%(p)s)', '= 8')}"

    # --- statements that write ---

    def _source(self, word: str) -> tuple[str, list[str]]:
        if self._pick(False, True):
            return "", []
        text, names = self._from([], 1)
        return f" {word} {text}", names

    def _update(self) -> str:
        source, names = self._source("FROM")
        # Where several rows join, one is taken, and nothing says which: so the value is none of theirs.
        value = self._pick("5", "u.n + 1")
        return f"UPDATE {self._table()} u SET n = {value}{source}{self._where(['u', *names], [], 1)}"

    def _insert(self) -> str:
        rows = self._pick("VALUES (1, %(p)s, 9)", "VALUES (1, 7, 9), (2, 8, 9)", self._query([], [], 1))
        return f"INSERT INTO {self._table()} (id, team_id, n) {rows}{self._pick('', ' RETURNING *')}"

    def _merge(self) -> str:
        item, name = self._item([], 1)
        team = self._pick(f"{name}.team_id", "%(p)s")
        then = self._pick(
            "WHEN MATCHED THEN DELETE",
            "WHEN MATCHED AND u.n = 1 THEN UPDATE SET n = 5",
            f"WHEN NOT MATCHED THEN INSERT (id, team_id, n) VALUES ({name}.id, {team}, 1)",
            f"WHEN NOT MATCHED BY SOURCE AND {self._condition(['u'], [], 0)} THEN DELETE",
        )
        said = " AND ".join(self._condition(["u", name], [], 0) for _ in range(self._pick(1, 2)))
        return f"MERGE INTO {self._table()} u USING {item} ON {said} {then}"
