"""The outreach platform's two checklists, each box ticked or not by what the snapshot shows.

A box is True or False only on evidence; where a database cannot tell, such as whether a backup was ever
restored, it stays open (None) and says what was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from tenfold.model.audit import ChecklistItem
from tenfold.model.finding import Finding
from tenfold.model.relations import Relation
from tenfold.model.wording import counted
from tenfold.rules.coverage import is_usable, leads_with
from tenfold.rules.metrics import Unmeasured, connection_share, latency, percent
from tenfold.rules.settings import collects_statements, is_off
from tenfold.rules.subject import Subject
from tenfold.rules.vacuum import is_disabled, overdue

Outcome = tuple[bool | None, str]

#: Names that poolers and monitors give their own sessions, as the beginning of application_name.
_POOLERS = ("pgbouncer", "pgcat", "odyssey", "pgpool", "supavisor", "pgdog")
_MONITORS = (
    "postgres_exporter", "pg_exporter", "prometheus", "datadog", "pganalyze", "pgwatch", "telegraf", "zabbix",
    "newrelic", "check_postgres", "pgmonitor", "pmm", "netdata", "grafana", "otelcol", "tenfold monitor",
)  # fmt: skip
#: Predefined roles that let a session watch the server.
_WATCHING = frozenset({"pg_monitor", "pg_read_all_stats"})

_POLICY_HOLES = frozenset(
    {
        "policy-always-true", "policy-check-weaker", "policy-open-when-unset", "policy-without-rls",
        "partition-rls-gap", "rls-no-policy", "rls-not-forced", "tenant-rls-off",
    }
)  # fmt: skip
#: Rules by which a hot table asks for another index.
_INDEX_WISHES = frozenset(
    {"hot-table-unindexed", "tenant-index-missing", "tenant-index-not-leading", "tenant-column-missing"}
)
_IDLE_INDEXES = frozenset({"index-unused", "index-duplicate", "index-prefix-redundant"})
_PARTITIONING = frozenset(
    {"partition-candidate-time", "partition-candidate-tenant", "default-partition-filling"}
)
_SLOW = frozenset({"query-slow"})
_LATE_VACUUM = frozenset({"autovacuum-hot-table"})
#: Every rule that a box rests on.
RULES = _POLICY_HOLES | _INDEX_WISHES | _IDLE_INDEXES | _PARTITIONING | _SLOW | _LATE_VACUUM

_WEEK = 7.0
#: Names that an evidence text lists before it only counts.
_LISTED = 5


def checklist(
    subject: Subject, findings: Sequence[Finding], ran: Collection[str] | None = None
) -> tuple[ChecklistItem, ...]:
    """Both lists: eight boxes before production, four ongoing.

    `findings` are the open ones, of the rules `ran`, or of all: a box that rests on a rule is not ticked
    where that rule was left out.
    """

    def sure(outcome: Outcome, rules: frozenset[str]) -> Outcome:
        left_out = sorted(rules.difference(ran)) if ran is not None else []
        if outcome[0] and left_out:
            return None, f"{outcome[1]}; the audit left out {', '.join(left_out)}"
        return outcome

    return (
        _before("Tenant columns have indexes", _tenant_indexes(subject)),
        _before("Hot tables have composite indexes", sure(_composites(subject, findings), _INDEX_WISHES)),
        _before("Row-level security policies enabled", sure(_policies(subject, findings), _POLICY_HOLES)),
        _before("Connection pooling configured", _pooling(subject)),
        _before("pg_stat_statements enabled", _statements(subject)),
        _before("Monitoring set up", _monitoring(subject)),
        _before("Backup strategy verified", _backup(subject)),
        _before("Failover tested", _failover(subject)),
        _ongoing("Weekly index usage review", sure(_index_review(subject, findings), _IDLE_INDEXES)),
        _ongoing("Monthly slow query analysis", sure(_slow_queries(subject, findings), _SLOW)),
        _ongoing("Quarterly partitioning evaluation", sure(_partitioning(findings), _PARTITIONING)),
        _ongoing("Vacuum and analyze schedules set", sure(_vacuum(subject, findings), _LATE_VACUUM)),
    )


# --- before production ---


def _tenant_indexes(subject: Subject) -> Outcome:
    total = len(subject.tenant_tables)
    if not total:
        return None, "no tenant table was found"
    indexing = subject.tenant_indexing
    text = f"{indexing.indexed} of {total} tenant tables have an index that serves the tenant column"
    return not indexing.missing, text + _without(indexing.missing)


def _composites(subject: Subject, findings: Iterable[Finding]) -> Outcome:
    hot = [table for table in subject.tables if subject.is_hot(table)]
    if not hot:
        return (
            None,
            "no table is known to be hot: too little activity, and none is named in [operations_per_day]",
        )
    bare = [table for table in hot if not _has_composite(subject, table)]
    text = f"{len(hot) - len(bare)} of {len(hot)} hot tables have an index on the tenant and another column"
    # A statement that filters by the tenant alone is served by an index on the tenant alone.
    asking = {finding.object for finding in findings if finding.rule in _INDEX_WISHES}
    missing = [table.display for table in bare if table.display in asking or not _suffices(subject, table)]
    if bare and not missing:
        others = _some([table.display for table in bare])
        return True, f"{text}; the statements seen need none on {others}"
    return not missing, text + _without(missing)


def _has_composite(subject: Subject, table: Relation) -> bool:
    """An index on two columns or more; on a tenant's table it leads with the tenant."""
    part = subject.tenancy.of(table.oid)
    tenant = subject.tenant_column_of.get(table.oid)
    if tenant is None and part is not None and part.table_class == "child":
        return False
    return any(
        is_usable(index) and index.key_count > 1 and (tenant is None or leads_with(index, tenant.number))
        for index in subject.snapshot.indexes_of(table.oid)
    )


def _suffices(subject: Subject, table: Relation) -> bool:
    """Whether the tenant's index is there and statements were seen that could have asked for more."""
    return subject.tenant_cover.get(table.oid) == "served" and any(
        table.name in statement.text for statement in subject.statements
    )


def _policies(subject: Subject, findings: Iterable[Finding]) -> Outcome:
    tables = [table.relation for table in subject.tenant_tables]
    if not tables:
        return None, "no tenant table was found"
    walled = [table for table in tables if _is_walled(subject, table)]
    open_children = [
        table.display
        for table in subject.tables
        if _is_child(subject, table) and not _is_walled(subject, table)
    ]
    holes = sum(finding.rule in _POLICY_HOLES for finding in findings)
    text = (
        f"{len(walled)} of {len(tables)} tenant tables have row-level security enabled, forced and a policy"
    )
    if open_children:
        text += f"; neither have their child tables {_some(open_children)}"
    if holes and len(walled) == len(tables):
        say = "says" if holes == 1 else "say"
        text += f"; {counted(holes, 'finding')} {say} that policies let too much through"
    return len(walled) == len(tables) and not open_children and not holes, text


def _is_walled(subject: Subject, table: Relation) -> bool:
    return table.rls_enabled and table.rls_forced and bool(subject.snapshot.policies_of(table.oid))


def _is_child(subject: Subject, table: Relation) -> bool:
    part = subject.tenancy.of(table.oid)
    return part is not None and part.table_class == "child"


def _pooling(subject: Subject) -> Outcome:
    snapshot = subject.snapshot
    if not snapshot.sees("connections"):
        return None, "connections are hidden from the reading role"
    pooler = next(
        (group.application for group in snapshot.connections if _is(group.application, _POOLERS)), None
    )
    if pooler is not None:
        return True, f"{pooler} is connected"
    share = connection_share(subject)
    if isinstance(share, Unmeasured):
        return None, share.why
    seen = f"{share.part:,.0f} of {share.whole:,.0f} connections in use ({percent(share.ratio)})"
    if share.ratio > subject.thresholds.connection_ratio_alert:
        return False, f"{seen}: whatever pools them does not keep them below the limit"
    return None, f"{seen}; a pool inside the application leaves no trace in the database"


def _statements(subject: Subject) -> Outcome:
    snapshot = subject.snapshot
    if collects_statements(snapshot):
        return True, f"{counted(len(snapshot.statements), 'statement')} recorded"
    if "pg_stat_statements" in snapshot.extension_names:
        return False, "the extension is created, but the server has not loaded its library"
    return False, "the extension is not created in this database"


def _monitoring(subject: Subject) -> Outcome:
    snapshot = subject.snapshot
    monitor = next(
        (group.application for group in snapshot.connections if _is(group.application, _MONITORS)), None
    )
    if monitor is not None:
        return True, f"{monitor} is connected"
    watchers = sorted(_watching_roles(subject))
    if watchers:
        return True, f"{_some(watchers)} may read all statistics, as a monitor does; no dashboard can be seen"
    return None, "no monitor is connected and no role is a member of pg_monitor; one outside leaves no trace"


def _watching_roles(subject: Subject) -> Iterator[str]:
    """Roles that may log in and watch; not the reading role, which was given that right for this audit."""
    snapshot = subject.snapshot
    for membership in snapshot.memberships:
        role, member = (snapshot.role_by_oid.get(oid) for oid in (membership.role, membership.member))
        if role is None or member is None or role.name not in _WATCHING:
            continue
        if member.can_login and member.name != snapshot.server.reader:
            yield member.name


def _backup(subject: Subject) -> Outcome:
    snapshot = subject.snapshot
    mode, level = snapshot.setting("archive_mode"), snapshot.setting("wal_level")
    command = snapshot.setting("archive_command") or snapshot.setting("archive_library")
    if mode is None or level is None:
        return None, "archive settings were not read"
    if not is_off(mode) and command not in (None, "", "(disabled)"):
        return (
            None,
            f"WAL archiving is configured (wal_level {level}); whether it can be restored is not known here",
        )
    if not is_off(mode):
        return False, f"archive_mode is {mode}, but nothing is set to archive the WAL"
    slots = [slot.name for slot in snapshot.replication_slots if slot.kind == "physical"]
    if snapshot.replicas or slots:
        return (
            None,
            f"archive_mode is off; WAL is streamed ({len(snapshot.replicas)} receivers, {len(slots)} slots)",
        )
    return (
        False,
        "archive_mode is off and nothing streams the WAL; dumps and disk snapshots leave no trace here",
    )


def _failover(subject: Subject) -> Outcome:
    snapshot = subject.snapshot
    if snapshot.server.in_recovery:
        return None, "this server is a standby itself; whether it was ever promoted in a test is not known"
    count = len(snapshot.replicas)
    if count:
        return None, f"{count} standby servers stream; whether one was ever promoted in a test is not known"
    return False, "no standby streams from this server"


# --- ongoing ---


def _index_review(subject: Subject, findings: Iterable[Finding]) -> Outcome:
    days = subject.counted_days
    idle = [finding.detail or finding.object for finding in findings if finding.rule in _IDLE_INDEXES]
    if idle:
        are = "is" if len(idle) == 1 else "are"
        return False, f"{counted(len(idle), 'index', 'indexes')} {are} unused or redundant: {_some(idle)}"
    if days is None or days < _WEEK:
        return None, "the counters of index scans have not run for a week"
    return True, f"counters have run for {days:,.0f} days and show no index to drop"


def _slow_queries(subject: Subject, findings: Iterable[Finding]) -> Outcome:
    measured = subject.once(latency)
    if isinstance(measured, Unmeasured):
        return (None if collects_statements(subject.snapshot) else False), measured.why
    slow = sum(finding.rule in _SLOW for finding in findings)
    limit = f"{subject.thresholds.slow_statement_ms:g} ms"
    if slow:
        return (
            False,
            f"{slow} of {counted(measured.statements, 'recorded statement')} "
            f"{'takes' if slow == 1 else 'take'} more than {limit} on average",
        )
    return (
        True,
        f"none of {counted(measured.statements, 'recorded statement')} takes more than {limit} on average",
    )


def _partitioning(findings: Iterable[Finding]) -> Outcome:
    candidates = sorted({finding.object for finding in findings if finding.rule in _PARTITIONING})
    if candidates:
        are = "is" if len(candidates) == 1 else "are"
        return False, f"{counted(len(candidates), 'table')} {are} to be evaluated: {_some(candidates)}"
    return True, "no table is large or busy enough to be partitioned"


def _vacuum(subject: Subject, findings: Iterable[Finding]) -> Outcome:
    for name in ("autovacuum", "track_counts"):
        if is_off(subject.snapshot.setting(name) or ""):
            return False, f"{name} is off"
    disabled = [table.display for table in subject.stored if is_disabled(table)]
    if disabled:
        return False, f"autovacuum is off for {_some(disabled)}"
    late = sorted({work.table.display for work in subject.once(overdue)})
    if late:
        return False, f"autovacuum is on, but behind on {_some(late)}"
    hot = [finding.object for finding in findings if finding.rule in _LATE_VACUUM]
    if hot:
        return False, f"autovacuum is on and behind on none, but starts late on the hot tables {_some(hot)}"
    return True, "autovacuum is on for every table and behind on none"


# --- wording ---


def _before(text: str, outcome: Outcome) -> ChecklistItem:
    return _item("before production", text, outcome)


def _ongoing(text: str, outcome: Outcome) -> ChecklistItem:
    return _item("ongoing", text, outcome)


def _item(list_name: Literal["before production", "ongoing"], text: str, outcome: Outcome) -> ChecklistItem:
    ticked, evidence = outcome
    return ChecklistItem(checklist=list_name, text=text, ticked=ticked, evidence=evidence)


def _is(application: str, names: tuple[str, ...]) -> bool:
    return application.lower().replace("-", "_").startswith(names)


def _without(names: Sequence[str]) -> str:
    return f"; not {_some(names)}" if names else ""


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
