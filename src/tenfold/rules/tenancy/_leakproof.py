"""Which indexes serve a role that row-level security binds: those whose conditions are leakproof."""

from __future__ import annotations

from functools import lru_cache

from tenfold.model.relations import Index
from tenfold.rules.subject import Subject

# Made for LIKE, which is no operator of the class: the planner derives the range from the pattern.
_PATTERN_CLASSES = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})
_LIKE = "~~"

# The server's own functions that indexes are commonly made on and that pg_proc does not mark as leakproof, by
# the name of their node in a parse.
_LEAKY_FUNCTIONS = frozenset(
    """
    lower upper trim length left right substring timestamptrunc extract jsonextract jsonextractscalar
    jsonbextract jsonbextractscalar
    """.split()
)


class Leakproof:
    """What one snapshot's indexes can be searched by. Made by `subject.once(Leakproof)`."""

    def __init__(self, subject: Subject) -> None:
        self._snapshot = subject.snapshot
        self._operators = {operator.oid: operator for operator in subject.snapshot.operators}
        self._like_is_leakproof = any(
            operator.leakproof
            for operator in subject.snapshot.operators
            if operator.name == _LIKE and operator.left == operator.right == "text"
        )
        self._reasons: dict[int, str | None] = {}

    def why_ignored(self, index: Index) -> str | None:
        """Why no condition can be searched by it, None where one can or it is not known."""
        first = self._of_key(index, 0)
        if first is None or index.method != "gin":
            return first
        # Any key of a GIN index can be searched by itself.
        others = (self._of_key(index, position) for position in range(1, index.key_count))
        return first if all(reason is not None for reason in others) else None

    def _of_key(self, index: Index, position: int) -> str | None:
        if position == 0 and index.columns[0] == 0 and index.expressions:
            leaky = leaky_function(index.expressions[0])
            if leaky is not None:
                return f"its expression calls {leaky}, which is not leakproof"
        oid = index.opclasses[position]
        if oid not in self._reasons:
            self._reasons[oid] = self._of_class(oid)
        return self._reasons[oid]

    def _of_class(self, oid: int) -> str | None:
        operator_class = self._snapshot.operator_class_by_oid.get(oid)
        if operator_class is None or not operator_class.operators:
            return None
        if operator_class.name in _PATTERN_CLASSES:
            return (
                None
                if self._like_is_leakproof
                else f"LIKE, which {operator_class.name} is for, is not leakproof"
            )
        known = [self._operators[found] for found in operator_class.operators if found in self._operators]
        if len(known) < len(operator_class.operators) or any(operator.leakproof for operator in known):
            return None
        names = " ".join(dict.fromkeys(operator.name for operator in known))
        return f"no operator of {operator_class.name} ({names}) is leakproof"


@lru_cache(maxsize=4096)
def leaky_function(expression: str) -> str | None:
    """A function or operator in the expression that is not leakproof; None where none is known."""
    from tenfold.rules.tenancy._syntax import parse

    tree = parse(expression)
    if tree is None:
        return None
    leaky = (node for node in tree.walk() if node.key in _LEAKY_FUNCTIONS)
    return next((_NAMES.get(node.key, node.key) for node in leaky), None)


_NAMES = {
    "jsonextract": "->",
    "jsonextractscalar": "->>",
    "jsonbextract": "#>",
    "jsonbextractscalar": "#>>",
    "timestamptrunc": "date_trunc",
}
