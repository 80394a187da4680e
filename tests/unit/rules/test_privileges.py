"""Rights by membership, and what stands outside the policies."""

from __future__ import annotations

import pytest

from tenfold.model.roles import Membership
from tenfold.model.tenancy import Tenancy
from tenfold.rules.privileges import PUBLIC, Privileges, readers
from tests.unit.rules.build import connections, role, subject, table

POSTGRES = role(10, "postgres", superuser=True)
OFFICE = role(20, "office", bypass_rls=True, can_login=False)
STAFF = role(21, "staff", can_login=False)
APP = role(22, "app")
OTHER = role(23, "other")


def privileges(*memberships: Membership, application: str | None = None, **fields: object) -> Privileges:
    return Privileges(
        subject(
            roles=(POSTGRES, OFFICE, STAFF, APP, OTHER),
            memberships=memberships,
            tenancy=Tenancy(application_role=application),
            **fields,
        )
    )


def member(of: int, who: int, **options: bool) -> Membership:
    return Membership(role=of, member=who, admin=False, **options)


def test_rights_pass_along_memberships_that_inherit() -> None:
    found = privileges(member(21, 22), member(20, 21, inherits=False))
    assert found.has(22) == {22, 21}
    assert found.may_become(22) == {22, 21, 20}


def test_set_role_passes_along_memberships_that_permit_it() -> None:
    found = privileges(member(21, 22), member(20, 21, may_set=False))
    assert found.may_become(22) == {22, 21}
    assert found.way_round(APP) is None


def test_the_way_round_is_the_role_itself_or_one_that_it_may_become() -> None:
    found = privileges(member(21, 22), member(20, 21))
    assert found.way_round(POSTGRES) == POSTGRES
    assert found.way_round(APP) == OFFICE
    assert found.way_round(OTHER) is None


def test_what_is_granted_to_a_role_and_leads_round_policies() -> None:
    found = privileges(member(21, 22), member(20, 21), member(23, 22), member(99, 22))
    assert found.memberships_round(APP) == (STAFF,)
    assert found.memberships_round(STAFF) == (OFFICE,)
    assert found.memberships_round(OTHER) == ()


def test_a_circle_of_memberships_ends() -> None:
    assert privileges(member(21, 22), member(22, 21)).has(22) == {21, 22}


def test_readers_that_policies_bind() -> None:
    found = privileges(member(21, 22))
    granted = table(1, owner=23, acl=("other=arwdDxt/other", "staff=r/other", "office=r/other"))
    assert readers(granted) == {"other", "staff", "office"}
    assert found.bound_readers(granted) == (APP,)
    assert found.bound_readers(table(2, owner=23, acl=("=r/other",))) == (APP,)
    assert found.bound_readers(table(3, owner=23, acl=("staff=aw/other",))) == ()
    assert found.bound_readers(table(4, owner=23)) == ()
    assert found.may_read(OTHER, granted)
    assert not found.may_read(OTHER, table(5, owner=22, acl=("staff=r/app",)))


@pytest.mark.parametrize(
    ("application", "roles", "reached"),
    [
        (None, (20,), True),
        ("missing", (20,), True),
        ("app", (PUBLIC, 20), True),
        ("app", (22,), True),
        ("app", (21,), True),
        ("app", (20,), False),
    ],
)
def test_whom_a_policy_reaches(application: str | None, roles: tuple[int, ...], reached: bool) -> None:
    found = privileges(member(21, 22, inherits=False), application=application)
    assert found.reaches_application(roles) is reached


def test_the_roles_that_programs_are_connected_as() -> None:
    found = privileges(
        connections=(
            connections(3, role="app", application="gunicorn"),
            connections(1, role="app", application=""),
            connections(1, role="postgres", application="psql"),
            connections(1, role="postgres", application="Tenfold"),
            connections(2, role="other", database="elsewhere"),
        )
    )
    assert found.connected == {"app": ("", "gunicorn")}
    assert found.used == (APP,)


def test_a_configured_role_is_the_only_one_in_use() -> None:
    connected = (connections(3, role="other", application="gunicorn"),)
    assert privileges(application="app", connections=connected).used == (APP,)
    assert privileges(application="missing", connections=connected).used == ()
