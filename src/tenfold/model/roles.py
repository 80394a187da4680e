"""Roles, what they may do, and the functions and operators that row-level security meets."""

from __future__ import annotations

import msgspec

from tenfold.model.ddl import qualified


class Role(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    name: str
    superuser: bool
    bypass_rls: bool
    can_login: bool
    inherit: bool
    create_role: bool
    create_db: bool
    replication: bool
    connection_limit: int = -1
    #: `name=value`, of the role everywhere and of the role in this database.
    settings: tuple[str, ...] | None = None

    def setting(self, name: str) -> str | None:
        """Its value for this role; the one of this database, listed last, prevails."""
        for item in reversed(self.settings or ()):
            key, _, value = item.partition("=")
            if key.lower() == name.lower():
                return value
        return None


class Membership(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`member` is a member of `role`."""

    role: int
    member: int
    admin: bool
    #: Whether it has the role's rights by itself, and whether it may SET ROLE to it (both always before 16,
    #: where the member's own INHERIT decides the first).
    inherits: bool = True
    may_set: bool = True


class DefaultPrivilege(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    role: int
    schema: str | None
    #: `defaclobjtype`: r relation, S sequence, f function, T type, n schema.
    kind: str
    acl: tuple[str, ...] | None = None


class Function(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A function or procedure that is not the system's."""

    oid: int
    schema: str
    name: str
    arguments: str
    result: str | None
    owner: int
    language: str
    #: `prokind`: f function, p procedure, a aggregate, w window.
    kind: str
    #: `provolatile`: i immutable, s stable, v volatile.
    volatility: str
    security_definer: bool
    leakproof: bool
    source: str | None = None
    settings: tuple[str, ...] | None = None
    acl: tuple[str, ...] | None = None
    #: As `pg_get_functiondef` writes it; None for aggregates.
    definition: str | None = None
    extension: str | None = None

    @property
    def qualified(self) -> str:
        """Schema, name and arguments, as ALTER FUNCTION takes them."""
        return f"{qualified(self.schema, self.name)}({self.arguments})"


class Operator(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An operator; only leakproof ones can be index conditions under row-level security."""

    oid: int
    name: str
    left: str | None
    right: str | None
    function: str
    leakproof: bool


class Grant(msgspec.Struct, frozen=True, gc=False):
    """One parsed aclitem."""

    #: Role name; None is PUBLIC.
    grantee: str | None
    #: Letters as in the documentation's table of ACL privilege abbreviations.
    privileges: str
    grantor: str


def parse_acl_item(item: str) -> Grant:
    """`app=arw/owner` as a Grant; grant options (`*`) are dropped.

    Role names with other than letters, digits and underscores are quoted by the server, quotes doubled.
    """
    grantee, rest = _name(item)
    privileges, _, grantor = rest.removeprefix("=").partition("/")
    return Grant(grantee or None, privileges.replace("*", ""), _name(grantor)[0])


def _name(text: str) -> tuple[str, str]:
    if not text.startswith('"'):
        for end, character in enumerate(text):
            if character in "=/":
                return text[:end], text[end:]
        return text, ""
    name, position = [], 1
    while position < len(text):
        if text[position] == '"':
            if text[position + 1 : position + 2] != '"':
                break
            position += 1
        name.append(text[position])
        position += 1
    return "".join(name), text[position + 1 :]
