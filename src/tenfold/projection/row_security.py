"""Which tables' policies bind a role. Pure."""

from __future__ import annotations

from tenfold.model.snapshot import Snapshot


def tables_bound(snapshot: Snapshot, role: str | None) -> frozenset[int]:
    """Oids of the tables whose rows a policy picks for this role; none for a superuser."""
    entry = snapshot.role_by_name.get(role) if role is not None else None
    if entry is None or entry.superuser or entry.bypass_rls:
        return frozenset()
    return frozenset(
        relation.oid
        for relation in snapshot.relations
        if relation.rls_enabled and (relation.owner != entry.oid or relation.rls_forced)
    )
