"""Identity, as a part of a hub."""

from __future__ import annotations

from functools import partial

from tenfold_hub.identity import external, invites, keys, memberships, merges, people, sessions, teams
from tenfold_hub.identity.access_routes import (
    Access,
    invite_routes,
    key_routes,
    organization_routes,
    session_routes,
)
from tenfold_hub.identity.aliases import refers_to_people, resolve
from tenfold_hub.identity.credentials import CREDENTIAL, Credentials
from tenfold_hub.identity.duplicates import Duplicates
from tenfold_hub.identity.known import PERSON, KnownPeople
from tenfold_hub.identity.merging import Merging
from tenfold_hub.identity.people_routes import duplicate_routes, external_route, merging_routes
from tenfold_hub.identity.references import Reference, References, Table
from tenfold_hub.identity.service import LocalIdentity
from tenfold_hub.identity.undoing import Undoing
from tenfold_hub.identity.users import Users
from tenfold_hub.kit.platform import Platform
from tenfold_hub.settings import UNDO_DAYS

#: What identity keeps for a while.
NAMESPACES = (PERSON, CREDENTIAL)


def join(platform: Platform) -> None:
    _join_people(platform)
    _join_access(platform)


def _join_access(platform: Platform) -> None:
    credentials = Credentials(platform.db, platform.cache)
    platform.services["credentials"] = credentials
    members = platform.add(memberships.MEMBERSHIPS)
    members.prepare.append(memberships.guard)
    members.follow.append(credentials.members_changed)
    platform.add(teams.TEAMS)
    platform.add(teams.TEAM_MEMBERS)
    invitations, logins = platform.add(invites.INVITES), platform.add(sessions.SESSIONS)
    logins.follow.append(credentials.sessions_changed)
    made = platform.add(keys.API_KEYS)
    made.follow.append(credentials.keys_changed)
    access = Access(
        platform.db,
        Users(),
        credentials,
        platform.journal,
        memberships=members,
        invites=invitations,
        sessions=logins,
        keys=made,
    )
    platform.route([*session_routes(access), *invite_routes(access), *key_routes(access)])
    platform.route(organization_routes(access))


def _join_people(platform: Platform) -> None:
    platform.aliases[people.PEOPLE.prefix] = resolve
    records = platform.add(people.PEOPLE)
    records.prepare.append(people.normalise)
    identities = platform.add(external.IDENTITIES)
    identities.prepare.append(refers_to_people("person_id"))
    made = platform.add(merges.MERGES)

    references = References()
    rows = Table(schema="identity", table="people", rules=people.RULES, records=records)
    aliases = Table(schema="identity", table="person_aliases", key=("alias_id",), versioned=False)
    names = Table(schema="identity", table="external_identities", records=identities)
    references.know(rows)
    references.add(Reference(table=aliases, column="person_id"), Reference(table=names, column="person_id"))

    known = KnownPeople(platform.db, platform.cache)
    records.follow.append(known.follow)
    undo_days = UNDO_DAYS if platform.settings is None else platform.settings.undo_days
    merging = Merging(rows, aliases, made, references, undo_days)
    platform.services["identity"] = LocalIdentity(known, references, merging)
    undoing = Undoing(made, references)
    platform.route(merging_routes(records, made, merging, undoing))
    platform.route(duplicate_routes(Duplicates(records, platform.cursors)))
    records.keys["external"] = partial(external.known_by, identities)
    platform.route([external_route(records)])
