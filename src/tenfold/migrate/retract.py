"""Takes back a change that must not stay when a later one fails, provided that we made it."""

from __future__ import annotations

from tenfold.migrate.carry import FAILURES, carry_out
from tenfold.migrate.inverse import inverse
from tenfold.migrate.journal import Journal
from tenfold.migrate.site import Site
from tenfold.model.change import Change


def retract(site: Site, journal: Journal, change: Change) -> tuple[bool, str]:
    """Whether it is gone, and what to tell of it. What the journal does not call ours is left alone."""
    if not _is_ours(journal, change):
        return False, (
            f"'{change.title}' stays, since no apply of this journal did it; take it back with: "
            f"{'; '.join(change.undo)}"
        )
    journal.write("undoing", change)
    try:
        carry_out(site, inverse(change))
    except KeyboardInterrupt:
        site.remains.append(_remains(change))
        raise
    except FAILURES as error:
        journal.write("undo failed", change)
        return False, f"{_remains(change)}: {error.message}"
    journal.write("undone", change)
    return True, f"'{change.title}' was taken back"


def _is_ours(journal: Journal, change: Change) -> bool:
    """Another plan may have done it, with other estimates or findings."""
    return any((each.id, each.sql) == (change.id, change.sql) for each in journal.carried_out())


def _remains(change: Change) -> str:
    return (
        f"'{change.title}' could not be taken back; do so with: tenfold undo DSN --object '{change.object}'"
    )
