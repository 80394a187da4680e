"""Takes values out of a plan that are none of the statement's own. Pure.

Parameters are drawn from the statistics, and so are values of users' rows: they are planned with, and not
shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from tenfold.model.query_plan import PlanNode, QueryPlan

_CONDITIONS = (
    "index_condition",
    "recheck_condition",
    "hash_condition",
    "merge_condition",
    "join_filter",
    "filter",
    "one_time_filter",
)
_KEYS = ("sort_key", "presorted_key", "group_key")
# What looks like a constant and is none comes first: quoted names, numbered plans, lengths, parameters.
_CONSTANT = re.compile(
    r"""(?P<kept>"(?:[^"]|"")*" | \b(?:InitPlan|SubPlan|CTE)\ \d+ | ::[a-z\ "]+\(\d+(?:,-?\d+)?\) | \$\d+)
      | [EBX]?'(?:[^']|'')*'
      | (?<![\w$])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?""",
    re.VERBOSE | re.IGNORECASE,
)


def without_values(plan: QueryPlan, statement: str, given: Sequence[str | None] = ()) -> QueryPlan:
    """The plan with `?` for every constant that neither the statement nor the caller has said."""
    said = {found[0] for found in _CONSTANT.finditer(statement) if found["kept"] is None}
    said |= {text.removeprefix("-") for text in said}
    said |= {text for value in given if value is not None for text in (value, _quoted(value))}
    said |= {_quoted(text) for text in said if not text.startswith("'")}
    return msgspec.structs.replace(plan, root=_node(plan.root, frozenset(said)))


def without_constants(expression: str) -> str:
    """`(team_id = '10'::bigint)` as `(team_id = ?::bigint)`."""
    return _masked(expression, frozenset())


def _node(node: PlanNode, said: frozenset[str]) -> PlanNode:
    changed: dict[str, object] = {
        name: _masked(text, said) for name in _CONDITIONS if (text := getattr(node, name)) is not None
    }
    changed |= {
        name: tuple(_masked(key, said) for key in keys) for name in _KEYS if (keys := getattr(node, name))
    }
    changed["children"] = tuple(_node(child, said) for child in node.children)
    return msgspec.structs.replace(node, **changed)


def _masked(text: str, said: frozenset[str]) -> str:
    return _CONSTANT.sub(lambda found: found[0] if found["kept"] or found[0] in said else "?", text)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
