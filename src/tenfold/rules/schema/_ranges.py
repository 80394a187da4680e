"""How much of a range of numbers is used up, and how urgent that is."""

from __future__ import annotations

from tenfold.model.finding import Priority
from tenfold.model.relations import Sequence
from tenfold.rules.subject import Subject


def exhaustion_priority(subject: Subject, used: float) -> Priority:
    """P0 above the alert, P1 above the warning: when it is used up, every insert fails."""
    return Priority.P0 if used >= subject.thresholds.key_exhaustion_alert else Priority.P1


def sequences_by_column(subject: Subject) -> dict[tuple[int, int], tuple[Sequence, ...]]:
    """Sequences by the column that owns them, (relation oid, attribute number)."""
    found: dict[tuple[int, int], tuple[Sequence, ...]] = {}
    for sequence in subject.snapshot.sequences:
        if sequence.relation is not None and sequence.column is not None:
            column = (sequence.relation, sequence.column)
            found[column] = (*found.get(column, ()), sequence)
    return found
