"""Teams of an organization, and who is in them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.resource import EQUAL, Filter, Nothing, Resource, Sort, Thing

TeamName = Annotated[str, Meta(min_length=1, max_length=100)]
Description = Annotated[str, Meta(max_length=1000)]


class Team(Thing, kw_only=True):
    name: str
    description: str | None


class NewTeam(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: TeamName
    description: Description | None = None


class TeamPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: TeamName | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class TeamMember(Thing, kw_only=True):
    team_id: str
    membership_id: str


class NewTeamMember(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    team_id: str
    membership_id: str


TEAMS = Resource(
    name="teams",
    singular="team",
    prefix="tea",
    schema="identity",
    table="teams",
    columns={"name": "text", "description": "text"},
    shown=Team,
    new=NewTeam,
    patch=TeamPatch,
    filters={"name": Filter(operators=EQUAL)},
    sorts={"created_at": Sort()},
    keys=("name",),
    constraints={"teams_name_key": Fault("/name", "taken", "another team has this name")},
    write_scope="teams:admin",
)

#: Somebody is in a team or is not.
TEAM_MEMBERS = Resource(
    name="team-members",
    singular="team member",
    prefix="tmm",
    schema="identity",
    table="team_members",
    columns={"team_id": "uuid", "membership_id": "uuid"},
    shown=TeamMember,
    new=NewTeamMember,
    patch=Nothing,
    refs={"team_id": "tea", "membership_id": "mem"},
    filters={"team_id": Filter(operators=EQUAL), "membership_id": Filter(operators=EQUAL)},
    sorts={"created_at": Sort()},
    expands={"team": "teams", "membership": "memberships"},
    constraints={
        "team_members_key": Fault("/membership_id", "taken", "this member is in the team already"),
        "team_members_team_fkey": Fault("/team_id", "unknown", "there is no such team"),
        "team_members_membership_fkey": Fault("/membership_id", "unknown", "there is no such member"),
    },
    writes=frozenset({"create", "archive"}),
    read_scope="teams:read",
    write_scope="teams:admin",
)
