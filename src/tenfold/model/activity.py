"""What the server counted: activity, vacuum, connections, replication, statements, settings.

Counters run since `Database.statistics_reset`. Times are ISO 8601 text with zone; ages are seconds.
"""

from __future__ import annotations

import msgspec


class Server(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The server and the session that read it."""

    #: `server_version_num`: 180006 for 18.6.
    version_number: int
    version: str
    #: When the snapshot was taken.
    now: str
    started: str
    in_recovery: bool
    #: The role that read the snapshot, and whether it is a superuser or may read all statistics.
    reader: str
    reader_superuser: bool
    reader_reads_statistics: bool
    #: Of pg_control_system(); None where the role may not call it.
    system_identifier: str | None = None

    @property
    def major(self) -> int:
        return self.version_number // 10_000


class Database(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    name: str
    owner: int
    encoding: str
    collation: str
    #: None where the role may not connect to it.
    size_bytes: int | None
    xid_age: int
    multixact_age: int
    commits: int
    rollbacks: int
    blocks_hit: int
    blocks_read: int
    temp_files: int
    temp_bytes: int
    deadlocks: int
    sessions: int
    #: When its counters were reset, or else None: then they run since it was created or the server crashed.
    statistics_reset: str | None = None
    #: Settings of ALTER DATABASE, `name=value`.
    settings: tuple[str, ...] | None = None
    #: `datlocprovider`, who sorts: c libc by `collation`, i ICU or b builtin by `locale`.
    locale_provider: str = "c"
    locale: str | None = None


class Setting(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    name: str
    #: In `unit` where there is one.
    value: str
    unit: str | None
    source: str
    boot_value: str | None
    pending_restart: bool = False


class TableActivity(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`pg_stat_all_tables` and `pg_statio_all_tables` of one table."""

    relation: int
    sequential_scans: int
    sequential_rows: int
    index_scans: int
    index_rows: int
    inserted: int
    updated: int
    deleted: int
    hot_updated: int
    live_rows: int
    dead_rows: int
    modified_since_analyze: int
    inserted_since_vacuum: int = 0
    last_vacuum: str | None = None
    last_autovacuum: str | None = None
    last_analyze: str | None = None
    last_autoanalyze: str | None = None
    heap_hit: int = 0
    heap_read: int = 0
    index_hit: int = 0
    index_read: int = 0

    @property
    def writes(self) -> int:
        """Rows inserted, updated and deleted."""
        return self.inserted + self.updated + self.deleted


class ConnectionGroup(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Client connections alike in role, application, database and state. No statement text is read."""

    role: str | None
    application: str
    database: str | None
    state: str | None
    count: int
    #: Of the oldest in the group.
    transaction_seconds: float | None = None
    state_seconds: float | None = None
    #: Age of the oldest snapshot that holds back vacuum, in transactions.
    xmin_age: int | None = None


class Replica(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    application: str
    state: str | None
    sync_state: str | None
    #: WAL bytes not yet replayed; None where the role may not see it.
    replay_lag_bytes: int | None = None


class ReplicationSlot(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    name: str
    kind: str
    active: bool
    #: WAL bytes that it holds back.
    retained_bytes: int | None = None


class IndexBuild(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A CREATE INDEX or REINDEX in flight (`pg_stat_progress_create_index`)."""

    relation: int
    index: int
    command: str
    phase: str


class Statement(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One normalised statement of pg_stat_statements, or one that the configuration names."""

    text: str
    query_id: int | None = None
    role: int | None = None
    calls: int = 0
    rows: int = 0
    total_ms: float = 0.0
    mean_ms: float = 0.0
    min_ms: float = 0.0
    max_ms: float = 0.0
    stddev_ms: float = 0.0
    blocks_hit: int = 0
    blocks_read: int = 0
    blocks_dirtied: int = 0
    temp_blocks_written: int = 0
    wal_bytes: int = 0
    top_level: bool = True
    #: The name in a workload file.
    name: str | None = None
