"""What follows from the equalities of a statement: `a = b AND a = $1` holds b to `$1` too.

A thing is held FIRMLY where rows that differ are gone, and LOOSELY where a join may have put nulls in their
place. Outer joins pass on what holds in one direction only, so that each edge has a rule for each direction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from enum import IntEnum
from typing import Generic, TypeVar

import msgspec

Thing = TypeVar("Thing", bound=Hashable)


class Hold(IntEnum):
    NOT = 0
    LOOSELY = 1
    FIRMLY = 2


#: What becomes of the far end: where the near end is held loosely, and where firmly.
Rule = tuple[Hold, Hold]

NOTHING: Rule = (Hold.NOT, Hold.NOT)
#: A condition that removes every row for which it is not true.
STRICT: Rule = (Hold.FIRMLY, Hold.FIRMLY)
#: The same, within a part that an outer join may replace by nulls.
SAME: Rule = (Hold.LOOSELY, Hold.FIRMLY)
#: From the preserved side of an outer join, or from a statement into its sub-query.
INTO_NULLABLE: Rule = (Hold.LOOSELY, Hold.LOOSELY)
#: And back: a firm hold has removed the rows that the join had filled with nulls.
FROM_NULLABLE: Rule = (Hold.NOT, Hold.FIRMLY)
#: Either way over a full join.
FULL: Rule = (Hold.NOT, Hold.LOOSELY)


class Edge(msgspec.Struct, Generic[Thing], frozen=True):
    one: Thing
    other: Thing
    forth: Rule
    back: Rule


def spread(held: Mapping[Thing, Hold], edges: Iterable[Edge[Thing]]) -> dict[Thing, Hold]:
    """Everything that is held, given what is held to begin with."""
    rules: defaultdict[Thing, list[tuple[Thing, Rule]]] = defaultdict(list)
    for edge in edges:
        rules[edge.one].append((edge.other, edge.forth))
        rules[edge.other].append((edge.one, edge.back))
    found = dict(held)
    waiting = list(held)
    while waiting:
        near = waiting.pop()
        for far, (loosely, firmly) in rules.get(near, ()):
            hold = firmly if found[near] is Hold.FIRMLY else loosely
            if hold > found.get(far, Hold.NOT):
                found[far] = hold
                waiting.append(far)
    return found
