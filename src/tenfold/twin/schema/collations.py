"""Collations, and what stands in for those of a provider or a language that the embedded server lacks.

A plan depends on three things of a collation: whether it sorts by bytes, so that an index can serve LIKE;
whether equal means the same bytes; and how far a constant is into a histogram. A stand-in keeps the first.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import literal, qualified
from tenfold.model.relations import Collation
from tenfold.model.snapshot import Snapshot
from tenfold.twin.schema.step import Step

#: Sort by code point, as bytes of UTF-8 do, without the server knowing that they do.
NOT_BY_BYTES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")
BY_BYTES = frozenset({"C", "POSIX"})

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def collations(snapshot: Snapshot) -> Iterator[Step]:
    """One CREATE COLLATION each."""
    for collation in snapshot.collations:
        if collation.extension is not None:
            continue
        name = qualified(collation.schema, collation.name)
        head = f"CREATE COLLATION IF NOT EXISTS {name}"
        yield Step(
            f"{head} ({', '.join(_options(collation))})",
            f"collation {name}",
            instead=tuple(f"{head} (provider = libc, locale = {literal(locale)})" for locale in NOT_BY_BYTES),
        )


def _options(collation: Collation) -> Iterator[str]:
    yield f"provider = {_PROVIDERS.get(collation.provider, 'libc')}"
    if collation.provider == "c" and collation.ctype is not None:
        yield f"lc_collate = {literal(collation.locale)}"
        yield f"lc_ctype = {literal(collation.ctype)}"
    else:
        yield f"locale = {literal(collation.locale)}"
    if collation.rules is not None:
        yield f"rules = {literal(collation.rules)}"
    if not collation.deterministic:
        yield "deterministic = false"
