"""What each server version can do: the only place that compares versions.

SQL files ask by name, in `/*if NAME*/ ... /*else*/ ... /*end*/`; code asks `Capabilities.has` or `.require`.
"""

from __future__ import annotations

from typing import NamedTuple

from tenfold.errors import CapabilityError, UnsupportedServerError

#: Oldest and newest major versions that Tenfold is made for.
OLDEST, NEWEST = 13, 18


class Capability(NamedTuple):
    label: str
    #: First major version that has it.
    since: int


CAPABILITIES = {
    "session_counters": Capability("session counters in pg_stat_database", 14),
    "tid_range_scan": Capability("scans of a range of pages", 14),
    "expression_statistics": Capability("CREATE STATISTICS on expressions", 14),
    "top_level_statements": Capability("pg_stat_statements.toplevel", 14),
    "security_invoker": Capability("security_invoker views", 15),
    "inherited_extended_statistics": Capability("extended statistics of tables with their children", 15),
    "database_locale_provider": Capability("locale providers of databases", 15),
    "create_database_strategy": Capability("CREATE DATABASE ... STRATEGY", 15),
    "nulls_not_distinct": Capability("UNIQUE NULLS NOT DISTINCT", 15),
    "set_null_columns": Capability("ON DELETE SET NULL for some of the columns", 15),
    "last_scan": Capability("time of the last index scan", 16),
    "membership_options": Capability("INHERIT and SET options of role memberships", 16),
    "range_statistics": Capability("statistics of ranges in pg_stats", 17),
    "checksums_by_default": Capability("data checksums without asking initdb for them", 18),
    "not_enforced": Capability("NOT ENFORCED constraints", 18),
}


class Capabilities:
    """The capabilities of one server."""

    def __init__(self, version_number: int) -> None:
        """`version_number` is `server_version_num`; raises UnsupportedServerError below the oldest."""
        self.major = version_number // 10_000
        if self.major < OLDEST:
            raise UnsupportedServerError(
                f"the server runs PostgreSQL {_spoken(version_number)}; "
                f"Tenfold works with {OLDEST} to {NEWEST}: upgrade the server first"
            )

    def has(self, name: str) -> bool:
        return self.major >= CAPABILITIES[name].since

    def require(self, name: str) -> None:
        """Raises CapabilityError that says what is needed and what was found."""
        if not self.has(name):
            wanted = CAPABILITIES[name]
            raise CapabilityError(
                f"{wanted.label} need PostgreSQL {wanted.since} or later; the server runs {self.major}"
            )


def _spoken(version_number: int) -> str:
    major, minor = divmod(version_number, 10_000)
    return f"{major}.{minor}" if major >= 10 else f"{major}.{minor // 100}"
