"""Who may do what: rights by membership, ways around row-level security, and who connects.

The questions follow the server's own: rights pass along memberships that inherit (`has_privs_of_role`), SET
ROLE along those that permit it, and the attributes SUPERUSER and BYPASSRLS pass by SET ROLE alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from tenfold.model.relations import Relation
from tenfold.model.roles import Role, parse_acl_item
from tenfold.rules.subject import Subject

#: The role that initdb makes; it is always a superuser (src/include/catalog/pg_authid.dat).
BOOTSTRAP_SUPERUSER = 10

#: The role oid that stands for everybody in policies.
PUBLIC = 0

# Programs that people and their backups connect with; what they may do says nothing of the application.
_TOOLS = (
    "tenfold",
    "psql",
    "pg_dump",
    "pg_restore",
    "pg_basebackup",
    "vacuumdb",
    "reindexdb",
    "pgadmin",
    "dbeaver",
    "datagrip",
)


class Privileges:
    """The roles of one snapshot. Made by `subject.once(Privileges)`."""

    def __init__(self, subject: Subject) -> None:
        self._snapshot = subject.snapshot
        self._application = subject.tenancy.application_role
        self._inherited: dict[int, frozenset[int]] = {}
        self._settable: dict[int, frozenset[int]] = {}
        self._readers: dict[tuple[int, tuple[str, ...]], tuple[Role, ...]] = {}

    # --- the application ---

    @cached_property
    def application(self) -> Role | None:
        """The role that the application connects as, where it is configured and exists."""
        return self._snapshot.role_by_name.get(self._application) if self._application else None

    @cached_property
    def connected(self) -> Mapping[str, tuple[str, ...]]:
        """Application names by role of the clients of this database, without people's tools."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for group in self._snapshot.connections:
            if group.role is None or group.database != self._snapshot.database.name:
                continue
            if not group.application.lower().startswith(_TOOLS):
                found[group.role].add(group.application)
        return {role: tuple(sorted(names)) for role, names in sorted(found.items())}

    @cached_property
    def used(self) -> tuple[Role, ...]:
        """Roles that an application is known to use: the configured one, or else those seen connected."""
        if self._application is not None:
            return (self.application,) if self.application else ()
        roles = self._snapshot.role_by_name
        return tuple(roles[name] for name in self.connected if name in roles)

    def reaches_application(self, roles: tuple[int, ...]) -> bool:
        """Whether a policy or grant to these roles can be the application's.

        Where the application's role is not known, any can.
        """
        if PUBLIC in roles or self.application is None:
            return True
        oid = self.application.oid
        return any(role in self.has(oid) or role in self.may_become(oid) for role in roles)

    # --- memberships ---

    def has(self, role: int) -> frozenset[int]:
        """Roles whose rights it has without SET ROLE, itself among them."""
        if role not in self._inherited:
            self._inherited[role] = _closure(role, self._inheriting)
        return self._inherited[role]

    def may_become(self, role: int) -> frozenset[int]:
        """Roles that it may SET ROLE to, itself among them."""
        if role not in self._settable:
            self._settable[role] = _closure(role, self._setting)
        return self._settable[role]

    def owns(self, role: Role, relation: Relation) -> bool:
        """Whether it has the owner's rights: policies bind it only where they are forced."""
        return relation.owner in self.has(role.oid)

    # --- row-level security ---

    def passes_policies(self, owner: int) -> bool:
        """Whether the role is a superuser or has BYPASSRLS: no policy binds it, forced or not."""
        role = self._snapshot.role_by_oid.get(owner)
        return role is not None and (role.superuser or role.bypass_rls)

    def way_round(self, role: Role) -> Role | None:
        """The role by which it passes every policy: itself, or one that it may SET ROLE to; None if bound."""
        if role.superuser or role.bypass_rls:
            return role
        reachable = sorted(self.may_become(role.oid))
        return next((self._snapshot.role_by_oid[oid] for oid in reachable if self.passes_policies(oid)), None)

    def memberships_round(self, role: Role) -> tuple[Role, ...]:
        """Roles granted to it that pass every policy, or that lead to one that does, by SET ROLE."""
        granted = (self._snapshot.role_by_oid.get(oid) for oid in sorted(self._setting.get(role.oid, ())))
        return tuple(each for each in granted if each is not None and self.way_round(each) is not None)

    def bound_readers(self, relation: Relation) -> tuple[Role, ...]:
        """Login roles that may read the relation and are neither its owner nor above all policies."""
        key = (relation.owner, relation.acl or ())
        if key not in self._readers:
            found = {role.oid: role for grantee in readers(relation) for role in self.bound_logins(grantee)}
            self._readers[key] = tuple(
                role for oid, role in sorted(found.items()) if relation.owner not in self.has(oid)
            )
        return self._readers[key]

    def may_read(self, role: Role, relation: Relation) -> bool:
        """Whether the role, which policies bind, has SELECT as the owner or by a grant to it or to PUBLIC."""
        return self.owns(role, relation) or role in self.bound_readers(relation)

    def bound_logins(self, grantee: str | None) -> tuple[Role, ...]:
        """Login roles that policies bind and that have the grantee's rights; None is PUBLIC."""
        return self._bound_logins.get(grantee, ())

    @cached_property
    def _bound_logins(self) -> Mapping[str | None, tuple[Role, ...]]:
        by_oid = self._snapshot.role_by_oid
        found: defaultdict[str | None, list[Role]] = defaultdict(list)
        for role in self._snapshot.roles:
            if not role.can_login or role.superuser or role.bypass_rls:
                continue
            found[None].append(role)
            for oid in self.has(role.oid):
                if oid in by_oid:
                    found[by_oid[oid].name].append(role)
        return {grantee: tuple(roles) for grantee, roles in found.items()}

    @cached_property
    def _inheriting(self) -> Mapping[int, tuple[int, ...]]:
        return self._memberships(inherits=True)

    @cached_property
    def _setting(self) -> Mapping[int, tuple[int, ...]]:
        return self._memberships(inherits=False)

    def _memberships(self, *, inherits: bool) -> Mapping[int, tuple[int, ...]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for membership in self._snapshot.memberships:
            if membership.inherits if inherits else membership.may_set:
                found[membership.member].append(membership.role)
        return {member: tuple(roles) for member, roles in found.items()}


def readers(relation: Relation) -> frozenset[str | None]:
    """Roles with SELECT on the relation by grant, the owner often among them; None is PUBLIC."""
    grants = (parse_acl_item(item) for item in relation.acl or ())
    return frozenset(grant.grantee for grant in grants if "r" in grant.privileges)


def _closure(start: int, edges: Mapping[int, tuple[int, ...]]) -> frozenset[int]:
    found, pending = {start}, [start]
    while pending:
        for role in edges.get(pending.pop(), ()):
            if role not in found:
                found.add(role)
                pending.append(role)
    return frozenset(found)
