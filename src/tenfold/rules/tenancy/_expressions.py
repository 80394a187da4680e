"""Reads a policy's expression: what it mentions, what it needs an index for, and when it is true.

`pg_get_expr` output is parsed, never matched by pattern, and each distinct text once: ten thousand tables
with the same policy cost one parse. A text that cannot be parsed, and every part that is not understood, is
opaque: no rule draws a conclusion from it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from tenfold.rules.tenancy import _truth
from tenfold.rules.tenancy._truth import Truth

#: States of a setting that names no tenant.
State = Literal["never set", "empty"]
STATES: tuple[State, ...] = ("never set", "empty")

#: Calls of functions without arguments, as written, each with the function's SQL body.
Bodies = tuple[tuple[str, str], ...]

# Distinct texts that are kept: far more than a schema written by people has.
_KEPT = 65_536


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one expression. The truths are for a row that belongs to another tenant."""

    #: True whatever the setting, or not known to be.
    whatever: Truth = _truth.UNKNOWN
    unset: Truth = _truth.UNKNOWN
    empty: Truth = _truth.UNKNOWN
    set: Truth = _truth.UNKNOWN
    #: States of the setting in which it lets in a row that it hides from another tenant.
    opens: tuple[State, ...] = ()
    #: Custom settings that it reads.
    settings: frozenset[str] = frozenset()
    #: Columns that it mentions, of whichever relation.
    columns: frozenset[str] = frozenset()
    #: Whether a constant stands in it other than the empty string and settings' names.
    constants: bool = True
    #: Something in it is not understood: a function, a relation, the current user, an operator.
    opaque: bool = True
    #: Settings that are read for each row, and functions called for each row, as they are written.
    settings_per_row: frozenset[str] = frozenset()
    calls_per_row: frozenset[str] = frozenset()
    #: Columns that only an OR with a term that is the same for every row mentions.
    or_columns: frozenset[str] = frozenset()
    #: Columns compared through a cast, with the type that each is cast to.
    cast_columns: tuple[tuple[str, str], ...] = ()

    def when(self, state: State) -> Truth:
        return self.unset if state == "never set" else self.empty

    @property
    def names_nobody(self) -> bool:
        """It is the same whoever asks: no setting, nothing that could stand for one."""
        return not self.settings and not self.opaque

    @property
    def lets_anybody_in(self) -> bool:
        """It cannot tell one session from another: rows that it lets in, it lets everybody have."""
        return self.whatever.always or (self.names_nobody and not self.whatever.never)

    def ignores(self, column: str) -> bool:
        """Surely the same for rows that differ only in that column."""
        return not self.opaque and column not in self.columns

    def is_only_about(self, column: str) -> bool:
        """It hides other tenants' rows by comparing that column with one setting, and says nothing else."""
        plain = not self.opaque and not self.constants and self.set.never
        return plain and self.columns == {column} and len(self.settings) == 1


#: Of an expression that cannot be parsed.
OPAQUE = Reading()


@lru_cache(maxsize=_KEPT)
def read(text: str, bodies: Bodies = ()) -> Reading:
    """The reading of an expression; `bodies` are of the functions without arguments that it may call."""
    # The parser takes a tenth of a second to load: only databases that have policies wait for it.
    from tenfold.rules.tenancy import _syntax as syntax
    from tenfold.rules.tenancy._evaluate import World, evaluate

    tree = syntax.parse(text)
    if tree is None:
        return OPAQUE
    functions = {
        call: body
        for call, source in bodies
        if (query := syntax.parse(source)) is not None and (body := syntax.lone_projection(query)) is not None
    }
    conjuncts = tuple(syntax.terms(tree, "and"))
    by_row = [
        part for conjunct in conjuncts if syntax.is_by_row(conjunct) for part in syntax.outside(conjunct)
    ]
    unset, empty, known = (
        evaluate(tree, world, functions) for world in (World.UNSET, World.EMPTY, World.SET)
    )
    return Reading(
        whatever=evaluate(tree, World.ANY, functions),
        unset=unset,
        empty=empty,
        set=known,
        opens=tuple(
            state
            for state, found in zip(STATES, (unset, empty), strict=True)
            if found.always or (found.sometimes and known.never)
        ),
        settings=syntax.settings(tree.walk()),
        columns=syntax.columns(tree.walk()),
        constants=syntax.has_constants(tree),
        opaque=not all(syntax.understood(node) for node in tree.walk()),
        settings_per_row=syntax.settings(by_row),
        calls_per_row=syntax.calls(by_row),
        or_columns=syntax.or_columns(conjuncts),
        cast_columns=syntax.cast_columns(tree),
    )
