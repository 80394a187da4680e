"""What to know before row-level security is switched on: who connects, whom it binds, what nobody would see.

Pure: from the snapshot, the audit and the configured workload. What the reading role was not shown is said in
`unknown`, since silence would look like an all-clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tenfold.migrate.snippets import snippets
from tenfold.model.activity import Statement
from tenfold.model.audit import Audit
from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding
from tenfold.model.preflight import Connecting, MayBeNull, Preflight, Unbound
from tenfold.model.relations import Relation
from tenfold.model.roles import Role
from tenfold.model.snapshot import Sight, Snapshot
from tenfold.rules.privileges import Privileges
from tenfold.rules.standing_policies import other_mechanisms
from tenfold.rules.subject import Subject

_UNBOUND_RULE = "query-missing-tenant-filter"
_NULL_RULE = "tenant-column-nullable"


def preflight(snapshot: Snapshot, audit: Audit, workload: tuple[Statement, ...] = ()) -> Preflight:
    """Looks at everything that phase `isolation` depends on outside the database's schema."""
    subject = Subject(snapshot=snapshot, tenancy=audit.tenancy, workload=workload)
    return Preflight(
        setting=audit.tenancy.setting,
        column=audit.tenancy.column,
        roles=tuple(_roles(subject)),
        unbound=tuple(_unbound(audit)),
        may_be_null=tuple(_may_be_null(subject, audit)),
        other_mechanisms=tuple(other_mechanisms(subject, audit)),
        sets_tenant=_sets_tenant(subject),
        snippets=snippets(audit.tenancy.setting),
        unknown=tuple(_unknown(snapshot)),
    )


# --- roles -------------------------------------------------------------------------------------------


def _roles(subject: Subject) -> Iterable[Connecting]:
    """The configured role first, then those that are connected, by name."""
    privileges = subject.once(Privileges)
    connected = privileges.connected
    configured = subject.tenancy.application_role
    names = [configured] if configured is not None else []
    names += [name for name in connected if name != configured]
    tables = _tables_of_tenants(subject)
    for name in names:
        role = subject.snapshot.role_by_name.get(name)
        owned = [table.display for table in tables if role is not None and privileges.owns(role, table)]
        yield Connecting(
            role=name,
            connections=_connections(subject.snapshot, name),
            applications=connected.get(name, ()),
            exists=role is not None,
            bound=role is not None and privileges.way_round(role) is None,
            owns=tuple(owned),
            meaning=_meaning(privileges, role, len(owned)),
        )


def _meaning(privileges: Privileges, role: Role | None, owned: int) -> str:
    if role is None:
        return "there is no such role; create it, or correct application_role"
    way = privileges.way_round(role)
    if way is not None:
        how = "is a superuser" if way.superuser else "has BYPASSRLS"
        whose = how if way is role else f"may SET ROLE to {way.name}, which {how}"
        return f"row-level security would do nothing for it: it {whose}"
    if owned:
        return (
            "bound, since policies are forced, and yet it can switch them off: "
            f"it owns {owned} of the tables; connect as a role that owns none"
        )
    return "bound"


def _connections(snapshot: Snapshot, role: str) -> int:
    return sum(
        group.count
        for group in snapshot.connections
        if group.role == role and group.database == snapshot.database.name
    )


def _tables_of_tenants(subject: Subject) -> list[Relation]:
    return [
        relation
        for relation in subject.tables
        if (part := subject.tenancy.of(relation.oid)) is not None and part.table_class != "shared"
    ]


# --- statements --------------------------------------------------------------------------------------


def _unbound(audit: Audit) -> Iterable[Unbound]:
    """Also where the finding is ignored: it would see nothing all the same."""
    for finding in _findings(audit):
        if finding.rule == _UNBOUND_RULE:
            yield Unbound(finding.detail or finding.object, finding.message)


def _findings(audit: Audit) -> list[Finding]:
    return [*audit.findings, *(entry.finding for entry in audit.ignored)]


def _sets_tenant(subject: Subject) -> bool | None:
    """By a statement that names the setting, or calls set_config with it as a parameter."""
    texts = [statement.text.lower() for statement in subject.snapshot.statements]
    if not texts:
        return None
    setting = subject.tenancy.setting.lower()
    return any(setting in text or "set_config(" in text for text in texts)


# --- rows of nobody ---


def _may_be_null(subject: Subject, audit: Audit) -> Iterable[MayBeNull]:
    """Also where the finding is ignored: nobody would see those rows all the same."""
    snapshot = subject.snapshot
    for finding in sorted(_findings(audit), key=lambda each: each.object):
        if finding.rule != _NULL_RULE or finding.relation is None:
            continue
        relation, column = (
            snapshot.relation_by_oid[finding.relation],
            subject.tenant_column_of[finding.relation],
        )
        statistics = snapshot.statistics_of(relation.oid, column.number)
        name = identifier(column.name)
        yield MayBeNull(
            table=relation.display,
            column=name,
            share=statistics.null_frac if statistics is not None else None,
            has_policies=bool(snapshot.policies_of(relation.oid)),
            count=f"SELECT count(*) FROM {relation.qualified} WHERE {name} IS NULL",
        )


# --- what was not seen -------------------------------------------------------------------------------


_CONSEQUENCE: Mapping[Sight, str] = {
    "connections": "other roles may connect",
    "statements": "statements that name no tenant may run",
}


def _unknown(snapshot: Snapshot) -> Iterable[str]:
    for hidden in snapshot.hidden:
        if hidden.what in _CONSEQUENCE and hidden.relation is None:
            yield f"{_CONSEQUENCE[hidden.what]}: {hidden.why}"
    if "pg_stat_statements" not in snapshot.extension_names:
        yield f"{_CONSEQUENCE['statements']}: pg_stat_statements is not installed"
