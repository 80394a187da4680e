"""The preflight as lines for a terminal."""

from __future__ import annotations

from typing import Any

from tenfold.model.preflight import Connecting, MayBeNull, OtherMechanism, Preflight, Unbound
from tenfold.report.preflight import preflight_page
from tenfold.report.terminal import to_text


def lines(**fields: Any) -> list[str]:
    given: dict[str, Any] = {
        "setting": "app.team_id",
        "column": "team_id",
        "roles": (),
        "unbound": (),
        "may_be_null": (),
        "other_mechanisms": (),
        "sets_tenant": None,
        "snippets": {},
        "unknown": (),
    }
    return [line.strip() for line in to_text(preflight_page(Preflight(**(given | fields)))).splitlines()]


def may_be_null(share: float | None, *, has_policies: bool = False) -> MayBeNull:
    return MayBeNull(
        table="messages",
        column="team_id",
        share=share,
        has_policies=has_policies,
        count="SELECT count(*) FROM public.messages WHERE team_id IS NULL",
    )


def test_rows_of_nobody_have_their_table_share_and_query() -> None:
    said = lines(may_be_null=(may_be_null(0.125), may_be_null(0.0), may_be_null(None, has_policies=True)))
    assert "messages.team_id: null in about 12.5% of the rows, by statistics" in said
    assert "messages.team_id: may be null, though statistics saw none that is" in said
    assert (
        "messages.team_id: no statistics say how many are null; a policy of its own may let them in" in said
    )
    assert said.count("SELECT count(*) FROM public.messages WHERE team_id IS NULL;") == 3


def test_each_policy_on_something_else_has_its_mechanism_and_outcome() -> None:
    other = OtherMechanism(
        table="notes", policy="own", permissive=False, mechanism="auth.uid()", outcome="restrictive are ANDed"
    )
    said = lines(other_mechanisms=(other,))
    assert "Policies that go by something else than app.team_id" in said
    assert said[said.index("own on notes (restrictive) goes by auth.uid()") + 1] == "restrictive are ANDed"


def test_neither_is_mentioned_where_there_is_none() -> None:
    said = "\n".join(lines())
    assert "nobody\n" not in said
    assert "something else" not in said


def test_one_of_a_thing_is_not_many() -> None:
    role = Connecting(
        role="app", connections=1, applications=(), exists=True, bound=True, owns=(), meaning="bound"
    )
    said = lines(roles=(role,), unbound=(Unbound("inbox", "it names none"),))
    assert "1 statement names no tenant" in said
    assert "warning: 1 statement names no tenant" in said
    assert any(line.split() == ["app", "1", "connection", "bound"] for line in said)
