"""Users: who proves by a password that they are whom a membership is of.

The application has no right to passwords. It asks functions of the database (`migrations/logins.sql`): for
the salt of an e-mail, which is there for every e-mail, and whether what was made with it proves who somebody
is. They count what fails, and give no answer to who failed too often: so whoever got hold of the connection
of the application guesses no faster than at the door.
"""

from __future__ import annotations

import ipaddress
import uuid
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from tenfold.runtime import Row, Session
from tenfold_hub.identity.normal import email_normal
from tenfold_hub.identity.passwords import FORM, Passwords
from tenfold_hub.kit import ids
from tenfold_hub.kit.problems import Problem

Password = Annotated[str, Meta(min_length=10, max_length=200)]

#: Of nobody: a session for an organization that is not there, which sees no row of one.
NOBODY = uuid.UUID(int=0)

_ORGANIZATION = "SELECT identity.organization_named($1)"
_ASK = "SELECT salt, wait FROM identity.login_asked($1, $2)"
_PROVE = "SELECT member, wait FROM identity.login_proved($1, $2, $3, $4)"
_JOIN = "SELECT member, wait FROM identity.user_joined($1, $2, $3, $4)"
_CHANGE = "SELECT member, wait FROM identity.password_changed($1, $2, $3, $4, $5)"

#: Characters of what a proxy says of where a request is from.
_LONGEST_SOURCE = 100
#: Whoever has one address of IPv6 has all of such a network.
_IPV6_NETWORK = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says that an e-mail, in its normal form, is theirs; from where; the salt for proving it."""

    email: str
    source: str
    salt: bytes


class Users:
    """What proves or changes a password has to be committed, whatever comes of it: it counts what fails."""

    def __init__(self) -> None:
        self._passwords = Passwords()

    async def organization(self, session: Session, named: str) -> uuid.UUID:
        """By slug or id; that of nobody where there is none by this slug."""
        try:
            return ids.read("org", named)
        except ids.IdError:
            found: uuid.UUID | None = await session.fetch_value(_ORGANIZATION, named)
            return found or NOBODY

    async def claim(self, session: Session, email: str, source: str) -> Claim:
        """Raises Problem `rate_limited` where too many tries failed."""
        normal = email_normal(email) or ""
        row = await session.fetch_row(_ASK, normal, source)
        assert row is not None
        _require_turn(row["wait"])
        return Claim(normal, source, row["salt"])

    async def proof(self, claim: Claim, password: str) -> bytes:
        """Takes its time: best outside of a transaction."""
        return await self._passwords.proof(password, claim.salt)

    async def prove(self, session: Session, claim: Claim, proof: bytes) -> uuid.UUID | None:
        """The live member of the session's organization. Raises Problem `rate_limited`."""
        return await self._asked(session, _PROVE, claim, proof)

    async def join(self, session: Session, claim: Claim, proof: bytes) -> uuid.UUID | None:
        """Who accepts an invitation for this e-mail, new or not; None for a member who does not prove it."""
        return await self._asked(session, _JOIN, claim, proof)

    async def change(self, session: Session, claim: Claim, proof: bytes, new: bytes) -> uuid.UUID | None:
        """The member, whose sessions end that began before; None where the password is not theirs."""
        return await self._asked(session, _CHANGE, claim, proof, new)

    async def _asked(
        self, session: Session, statement: str, claim: Claim, *proofs: bytes
    ) -> uuid.UUID | None:
        row: Row | None = await session.fetch_row(statement, claim.email, claim.source, FORM, *proofs)
        assert row is not None
        _require_turn(row["wait"])
        member: uuid.UUID | None = row["member"]
        return member


def wrong() -> Problem:
    return Problem("unauthenticated", "organization, e-mail or password is wrong")


def source_of(client: str | None) -> str:
    """What tries are counted by: an address, of IPv6 its network; empty where it is not known."""
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return (client or "")[:_LONGEST_SOURCE]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _IPV6_NETWORK), strict=False).network_address)


def _require_turn(wait: int) -> None:
    if wait > 0:
        raise Problem(
            "rate_limited", "too many tries to log in have failed", headers={"Retry-After": str(wait)}
        )
