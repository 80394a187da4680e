"""Members of an organization: which role a user has in it, and by which name others see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.identity.normal import email_normal
from tenfold_hub.identity.roles import SCOPES, Role, require_all
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

MemberName = Annotated[str, Meta(min_length=1, max_length=200)]


class Membership(Thing, kw_only=True):
    user_id: str
    role: Role
    name: str
    email: str


class MembershipPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    role: Role | UnsetType = UNSET
    name: MemberName | UnsetType = UNSET


#: Members come by invitation.
MEMBERSHIPS = Resource(
    name="memberships",
    singular="membership",
    prefix="mem",
    schema="identity",
    table="memberships",
    columns={"user_id": "uuid", "role": "text", "name": "text", "email": "text", "email_normal": "text"},
    shown=Membership,
    new=Nothing,
    patch=MembershipPatch,
    refs={"user_id": "usr"},
    filters={
        "email": Filter(column="email_normal", normal=email_normal),
        "user_id": Filter(operators=EQUAL),
        "role": Filter(operators=EQUAL),
        "created_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort()},
    hidden=frozenset({"email_normal"}),
    writes=frozenset({"update", "archive", "restore"}),
    write_scope="memberships:admin",
)

# One after another, whoever changes owners: each sees what the one before left.
_TURN = "SELECT id FROM identity.organizations WHERE id = $1 FOR NO KEY UPDATE"
_OTHERS = """
SELECT count(*) FROM identity.memberships
 WHERE organization_id = $1 AND role = 'owner' AND archived_at IS NULL AND id <> ALL($2::uuid[])
"""


async def guard(session: Session, principal: Principal, drafts: Sequence[Draft]) -> None:
    """Nobody gives or takes a role above their own, and an organization keeps an owner."""
    losing: list[Draft] = []
    kept = 0
    for draft in drafts:
        before, after = _role(draft.before), _role(draft.values)
        if before == after:
            continue
        try:
            require_all(
                principal, SCOPES.get(before or "", frozenset()) | SCOPES.get(after or "", frozenset())
            )
        except Problem as problem:
            draft.problem = problem
            continue
        if before == "owner":
            losing.append(draft)
        kept += after == "owner"
    if not losing:
        return
    await session.execute(_TURN, session.tenant)
    ids = [draft.values["id"] for draft in losing]
    if kept + await session.fetch_value(_OTHERS, session.tenant, ids) == 0:
        for draft in losing:
            draft.problem = Problem(
                "conflict", "an organization keeps one owner at least; name another first"
            )


def _role(values: Values | None) -> str | None:
    """Of a live membership."""
    if values is None or values.get("archived_at") is not None:
        return None
    return str(values["role"])
