# The framework reads the annotations of handlers: so these are no text.
"""Routes of those who work in an organization: logging in and out, invitations, keys, itself."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta

from tenfold.runtime import Database, Row, Session
from tenfold_hub.identity import invites, keys, organizations, sessions
from tenfold_hub.identity.credentials import Credentials
from tenfold_hub.identity.invites import INVITES, Invite, NewInvite
from tenfold_hub.identity.keys import API_KEYS, ApiKey, NewApiKey
from tenfold_hub.identity.memberships import MEMBERSHIPS, MemberName, Membership
from tenfold_hub.identity.organizations import ORGANIZATIONS, Organization, OrganizationPatch
from tenfold_hub.identity.roles import SCOPES, require_all
from tenfold_hub.identity.sessions import SESSIONS, UserSession
from tenfold_hub.identity.tokens import organization_of
from tenfold_hub.identity.users import NOBODY, Password, Users, source_of, wrong
from tenfold_hub.kit.documented import MATCH
from tenfold_hub.kit.exchange import Answer, Asked, answered, principal_of, reading, unauthenticated, written
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.journal import Change, Journal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem
from tenfold_hub.kit.records import Patch, Records
from tenfold_hub.kit.routes import route
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import etag, json_of, shower, version_of

Typed = Annotated[str, Meta(max_length=320)]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """The organization by its slug or its id."""

    organization: Typed
    email: Typed
    password: Typed


class LoggedIn(msgspec.Struct):
    """The token is shown this once."""

    token: str
    session: UserSession
    membership: Membership


class Acceptance(msgspec.Struct, forbid_unknown_fields=True):
    """Who is a member of the organization, or was, gives the password that they have there."""

    token: Typed
    name: MemberName
    password: Password


class Ended(msgspec.Struct):
    ended: bool


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    current: Typed
    new: Password


class InviteMade(msgspec.Struct):
    token: str
    invite: Invite


class KeyMade(msgspec.Struct):
    key: str
    api_key: ApiKey


class Me(msgspec.Struct):
    """Who asks. A key has no membership."""

    kind: str
    id: str
    scopes: list[str]
    organization: Organization
    membership: Membership | None


_show_session, _show_invite, _show_key = shower(SESSIONS), shower(INVITES), shower(API_KEYS)
_show_member, _show_organization = shower(MEMBERSHIPS), shower(ORGANIZATIONS)
_MEMBER = """
SELECT id, version, created_at, updated_at, archived_at, user_id, role, name, email, email_normal
  FROM identity.memberships WHERE organization_id = $1 AND user_id = $2
"""

Once = Callable[[Session, Principal], Awaitable[tuple[int, Any]]]


class Access:
    """What these routes work with."""

    def __init__(
        self,
        db: Database,
        users: Users,
        credentials: Credentials,
        journal: Journal,
        *,
        memberships: Records,
        invites: Records,
        sessions: Records,
        keys: Records,
    ) -> None:
        self.db, self.users, self.credentials, self.journal = db, users, credentials, journal
        self.memberships, self.invites, self.sessions, self.keys = memberships, invites, sessions, keys

    async def begun(self, session: Session, principal: Principal, member: Row) -> dict[str, Any]:
        """A session of the member's, as its owner sees it."""
        token, values = await sessions.make(session, member["user_id"])
        await self.sessions.tell(session, principal, [Change("created", values["id"], None, values)])
        return {
            "token": token,
            "session": _show_session(values, SESSIONS.fields),
            "membership": _show_member(member, MEMBERSHIPS.fields),
        }

    async def joined(self, session: Session, principal: Principal, invite: Row, name: str) -> Row:
        """The member that an invitation makes of a user. Raises Problem for one who is a member already."""
        values: Values = {name: invite[name] for name in ("role", "email", "email_normal")} | {"name": name}
        member = await session.fetch_row(_MEMBER, session.tenant, principal.id)
        if member is None:
            await self.memberships.create(session, _inviter(principal), [{"user_id": principal.id, **values}])
        elif member["archived_at"] is None:
            raise Problem("conflict", "this user is a member already")
        else:
            again = Patch(member["id"], values | {"archived_at": None})
            await self.memberships.update(session, _inviter(principal), [again])
        return await _member(session, principal.id)


def session_routes(access: Access) -> list[BaseRouteHandler]:
    async def log_in(request: Asked, data: JSONBody[Login]) -> Answer:
        users = access.users
        async with access.db.tenant(NOBODY) as session:
            organization = await users.organization(session, data.organization)
            claim = await users.claim(session, data.email, _source(request))
        proof = await users.proof(claim, data.password)
        async with access.db.tenant(organization) as session:
            user = await users.prove(session, claim, proof)
            if user is not None:
                member = await _member(session, user)
                principal = _user(organization, user, member["role"])
                return _once(201, await access.begun(session, principal, member))
        # After the commit, which keeps that it failed.
        raise wrong()

    async def log_out(request: Asked) -> Answer:
        principal = _require(request)

        async with request.scope["state"]["tenant"].session() as session:
            id = await sessions.of_token(session, _bearer(request))
            if id is None:
                raise Problem("conflict", "a key has no session to end; revoke it instead")
            await access.sessions.archive(session, principal, [Patch(id, {})])
        return answered({"ended": True})

    async def me(request: Asked) -> Answer:
        principal = _require(request)
        async with request.scope["state"]["tenant"].session(read_only=True) as session:
            organization = await organizations.own(session)
            member = await session.fetch_row(_MEMBER, session.tenant, principal.id)
        user = principal.kind == "user"
        return answered(
            {
                "kind": principal.kind,
                "id": shown("usr" if user else "key", principal.id),
                "scopes": sorted(principal.scopes),
                "organization": _show_organization(organization, ORGANIZATIONS.fields),
                "membership": None if member is None else _show_member(member, MEMBERSHIPS.fields),
            }
        )

    async def change_password(request: Asked, data: JSONBody[NewPassword]) -> Answer:
        principal = _require(request)
        if principal.kind != "user":
            raise Problem("forbidden", "a key has no password")
        users, tenant = access.users, request.scope["state"]["tenant"]
        async with tenant.session() as session:
            member = await _member(session, principal.id)
            claim = await users.claim(session, member["email_normal"], _source(request))
        proof, new = await users.proof(claim, data.current), await users.proof(claim, data.new)
        async with tenant.session() as session:
            if await users.change(session, claim, proof, new) is not None:
                await access.credentials.forget_users(session, [principal.id])
                return _once(200, await access.begun(session, principal, member))
        raise wrong()

    return [
        route(post, "/sessions", log_in, "Log in", LoggedIn, 201, keyed=False, guests=True),
        route(delete, "/sessions/current", log_out, "Log out", Ended, keyed=False),
        route(get, "/me", me, "Who asks", Me),
        route(
            post,
            "/me/password",
            change_password,
            "Change the password, and end other sessions",
            LoggedIn,
            keyed=False,
        ),
    ]


def invite_routes(access: Access) -> list[BaseRouteHandler]:
    async def invite(request: Asked, data: JSONBody[NewInvite]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any]:
            require_all(principal, SCOPES[data.role])
            token, values = await invites.make(session, data.email, data.role)
            await access.invites.tell(session, principal, [Change("created", values["id"], None, values)])
            return 201, {"token": token, "invite": _show_invite(values, INVITES.fields)}

        return await _made(request, INVITES.to_write, do)

    async def accept(request: Asked, data: JSONBody[Acceptance]) -> Answer:
        organization = organization_of(invites.PREFIX, data.token)
        if organization is None:
            raise Problem("gone", "this is no invitation")
        users = access.users
        async with access.db.tenant(organization) as session:
            email = (await invites.known(session, data.token))["email_normal"]
            claim = await users.claim(session, email, _source(request))
        proof = await users.proof(claim, data.password)
        async with access.db.tenant(organization) as session:
            found = await invites.held(session, data.token)
            user = await users.join(session, claim, proof)
            if user is not None:
                principal = _user(organization, user, found["role"])
                member = await access.joined(session, principal, found, data.name)
                await invites.accept(session, found["id"])
                before = {name: found[name] for name in INVITES.types}
                after = before | {"accepted_at": datetime.now(UTC), "version": before["version"] + 1}
                await access.invites.tell(session, principal, [Change("updated", found["id"], before, after)])
                return _once(201, await access.begun(session, principal, member))
        raise wrong()

    return [
        route(post, "/invites", invite, "Invite somebody", InviteMade, 201, keyed=False),
        route(
            post,
            "/invites/accept",
            accept,
            "Accept an invitation",
            LoggedIn,
            201,
            keyed=False,
            refusals=(410,),
            guests=True,
        ),
    ]


def key_routes(access: Access) -> list[BaseRouteHandler]:
    async def create(request: Asked, data: JSONBody[NewApiKey]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any]:
            require_all(principal, list(data.scopes))
            key, values = await keys.make(session, data.name, data.scopes, data.expires_at)
            await access.keys.tell(session, principal, [Change("created", values["id"], None, values)])
            return 201, {"key": key, "api_key": _show_key(values, API_KEYS.fields)}

        return await _made(request, API_KEYS.to_write, do)

    return [route(post, "/api-keys", create, "Create an API key", KeyMade, 201, keyed=False)]


def organization_routes(access: Access) -> list[BaseRouteHandler]:
    async def own(request: Asked) -> Answer:
        async with reading(request, ORGANIZATIONS.to_read) as (session, _):
            row = await organizations.own(session)
        return answered(_show_organization(row, ORGANIZATIONS.fields), {"ETag": etag(row["version"])})

    async def change(request: Asked, data: JSONBody[OrganizationPatch]) -> Answer:
        async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
            given = {name: getattr(data, name) for name in data.__struct_fields__}
            given = {name: value for name, value in given.items() if value is not msgspec.UNSET}
            version = version_of(request.headers.get("if-match"))
            row = await organizations.change(session, principal, access.journal, given, version)
            return 200, _show_organization(row, ORGANIZATIONS.fields), {"ETag": etag(row["version"])}

        return await written(request, ORGANIZATIONS.to_write, "PATCH /organization", do)

    return [
        route(get, "/organization", own, "Get your organization", Organization),
        route(patch, "/organization", change, "Change your organization", Organization, parameters=[MATCH]),
    ]


async def _made(request: Asked, scope: str, do: Once) -> Answer:
    """An answer with a secret in it, which is kept nowhere: not even with an Idempotency-Key."""
    principal = principal_of(request, scope)
    async with request.scope["state"]["tenant"].session() as session:
        status, value = await do(session, principal)
    return _once(status, value)


def _once(status: int, value: Any) -> Answer:
    headers = {"Cache-Control": "no-store"}
    return Response(json_of(value), status_code=status, media_type="application/json", headers=headers)


def _require(request: Asked) -> Principal:
    principal: Principal | None = request.scope["state"].get("principal")
    if principal is None:
        raise unauthenticated()
    return principal


async def _member(session: Session, user: UUID) -> Row:
    member = await session.fetch_row(_MEMBER, session.tenant, user)
    assert member is not None
    return member


def _source(request: Asked) -> str:
    return source_of(request.client.host if request.client else None)


def _bearer(request: Asked) -> str:
    return str(request.headers["authorization"][7:].strip())


def _user(organization: UUID, user: UUID, role: str) -> Principal:
    return Principal(organization=organization, id=user, kind="user", scopes=SCOPES[role])


def _inviter(principal: Principal) -> Principal:
    # The invitation was made by somebody who may give the role: the rule asked them, not who accepts.
    return Principal(
        organization=principal.organization, id=principal.id, kind="user", scopes=frozenset({"*"})
    )
