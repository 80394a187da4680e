"""What a policy goes by: our setting, or something else that tells sessions apart."""

from __future__ import annotations

import pytest

from tenfold.model.relations import Policy
from tenfold.model.roles import Function
from tenfold.rules.mechanism import Mechanism, mechanism_of
from tests.unit.rules.build import subject, table

SETTING = "app.team_id"


def function(source: str) -> Function:
    return Function(
        oid=7,
        schema="auth",
        name="uid",
        arguments="",
        result="bigint",
        owner=10,
        language="sql",
        kind="f",
        volatility="s",
        security_definer=False,
        leakproof=False,
        source=source,
    )


def of(using: str | None, check: str | None = None, *, source: str = "", reads: bool = False) -> Mechanism:
    snapshot = subject(functions=(function(source),), relations=(table(5, "members"),)).snapshot
    policy = Policy(
        oid=1,
        relation=4,
        name="p",
        command="*",
        permissive=True,
        roles=(0,),
        using=using,
        check=check,
        functions=(7,) if source else (),
        relations=(5,) if reads else (),
    )
    return mechanism_of(snapshot, policy, SETTING)


@pytest.mark.parametrize(
    ("using", "others"),
    [
        ("(owner = CURRENT_USER)", ("current_user",)),
        ("(owner = SESSION_USER)", ("session_user",)),
        ("(owner = CURRENT_ROLE)", ("current_role",)),
        ("(owner = USER)", ("user",)),
        ('(owner = "USER")', ()),
        ("(team_id = (current_setting('other.team'::text))::bigint)", ("current_setting('other.team')",)),
        ("(owner = current_setting('role'::text))", ("current_setting('role')",)),
        (
            "(team = ((current_setting('request.jwt.claims'::text, true))::json ->> 'team'::text))",
            ("current_setting('request.jwt.claims')",),
        ),
        ("pg_has_role(CURRENT_USER, owner, 'MEMBER'::text)", ("pg_has_role()", "current_user")),
        ("true", ()),
        ("(team_id = (", ("an expression that is not understood",)),
    ],
)
def test_what_else_than_our_setting_is_asked(using: str, others: tuple[str, ...]) -> None:
    assert of(using) == Mechanism(False, others)


def test_our_setting_and_what_stands_beside_it() -> None:
    ours = "(team_id = (current_setting('app.team_id'::text))::bigint)"
    assert of(ours) == Mechanism(True, ())
    assert of(ours, "(owner = CURRENT_USER)") == Mechanism(True, ("current_user",))


def test_a_function_goes_by_what_its_body_reads() -> None:
    call = "(team_id = auth.uid())"
    assert of(call, source="SELECT current_setting('app.team_id')::bigint") == Mechanism(True, ())
    assert of(call, source="SELECT current_setting('jwt.sub')::bigint") == Mechanism(False, ("auth.uid()",))
    both = "SELECT coalesce(current_setting('app.team_id'), current_setting('jwt.sub'))::bigint"
    assert of(call, source=both) == Mechanism(False, ("auth.uid()",))


def test_a_look_up_in_another_table_is_a_mechanism() -> None:
    assert of("(team_id IN ( SELECT m.team_id FROM members m))", reads=True).others == ("rows of members",)


def test_what_is_the_same_for_everybody_is_said_so() -> None:
    assert str(of("true")) == "nothing of the session"
    assert str(of("(a = CURRENT_USER)", "(a = SESSION_USER)")) == "current_user and session_user"
