"""Which tables grow with time: rows are added with the time of the event, and hardly touched again.

Two shapes count. A *log* keeps what happened (messages, events, activities). A *queue* holds work until it is
due, and its rows should go when the work is done. A table with a column for its last change is neither: its
rows live on and are looked up at any age. The shape is read from the columns, because counters of a young or
freshly loaded database say that every table is only ever appended to.
"""

from __future__ import annotations

import msgspec

from tenfold.model.relations import Column, Relation
from tenfold.rules.subject import Subject

# Names without underscores and in lower case, the likeliest first.
_WRITTEN = (
    "createdat", "createdon", "created", "insertedat", "insertedon", "occurredat", "happenedat", "loggedat",
    "recordedat", "receivedat", "eventtime", "eventat", "timestamp", "ts", "time", "createdate",
    "createddate", "datecreated", "creationdate", "createtime",
)  # fmt: skip
_CHANGED = frozenset(
    ("updatedat", "updatedon", "updated", "modifiedat", "modifiedon", "modified", "changedat", "lastmodified",
     "lastupdated", "lastupdate", "updatedate", "updateddate", "dateupdated", "datemodified", "updatetime")
)  # fmt: skip
_DUE = frozenset(
    ("scheduledat", "scheduledfor", "dueat", "runat", "runafter", "executeat", "processat", "availableat",
     "visibleat", "notbefore", "nextattemptat", "nextrunat", "sendat", "retryat")
)  # fmt: skip
_TIME_TYPES = ("timestamp", "date")


class TimeSeries(msgspec.Struct, frozen=True):
    """A table that grows with time."""

    relation: Relation
    #: When a row was added.
    written: Column
    #: When a row's work is due; None: it is a log.
    due: Column | None


def time_series(subject: Subject, relation: Relation) -> TimeSeries | None:
    """The table as a time series; None where its columns do not make it one."""
    times = {
        column.name.replace("_", "").lower(): column
        for column in subject.snapshot.columns_of(relation.oid)
        if column.type_category == "D" and column.type.startswith(_TIME_TYPES)
    }
    written = next((times[name] for name in _WRITTEN if name in times), None)
    if written is None or not _CHANGED.isdisjoint(times):
        return None
    # A queue's rows are all due some time; a message that may be scheduled does not make its table a queue.
    due = next((column for name, column in times.items() if name in _DUE and column.not_null), None)
    return TimeSeries(relation, written, due)
