"""The change that reverts another one."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.model.change import Change
from tenfold.model.ddl import literal, qualified


def inverse(change: Change, name: str | None = None, before: Iterable[str] = ()) -> Change:
    """The change that reverts it, under an id of its own: done where the other is not.

    Those whose ids are in `before` must be reverted first.
    """
    return Change(
        id=name or f"undo:{change.id}",
        kind="build" if change.kind == "build" else "statement",
        phase=change.phase,
        priority=change.priority,
        object=change.object,
        title=f"undo: {change.title}",
        done=_reverted(change),
        lock=change.lock,
        sql=change.undo,
        transactional=change.transactional,
        index=change.index,
        requires=tuple(sorted(before)),
    )


def _reverted(change: Change) -> str:
    """Of an index, from the index itself: one that an interrupted drop or build left invalid is neither."""
    if change.kind != "build" or change.index is None:
        return f"SELECT NOT coalesce(({change.done}), false)"
    index = f"pg_catalog.to_regclass({literal(qualified(*change.index))})"
    if change.undo[0].startswith("DROP"):
        return f"SELECT {index} IS NULL"
    return f"SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {index} AND indisvalid)"
