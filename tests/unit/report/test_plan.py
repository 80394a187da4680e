"""A plan as lines for a terminal."""

from __future__ import annotations

from tenfold.model.change import Change, Lock, Phase, Plan, Skipped
from tenfold.model.finding import Priority
from tenfold.report.plan import render_plan

CHANGE = Change(
    id="validate:a",
    kind="scan",
    phase=Phase.KEYS,
    priority=Priority.P1,
    object="messages",
    title="Validate a",
    done="SELECT true",
    lock=Lock.SHARE_UPDATE_EXCLUSIVE,
)


def lines(*changes: Change, skipped: tuple[Skipped, ...] = ()) -> list[str]:
    plan = Plan(
        fingerprint="f",
        database="outreach",
        server_version="18.0",
        made_from="2025-03-10",
        changes=changes,
        skipped=skipped,
    )
    return render_plan(plan).splitlines()


def test_one_of_a_thing_is_not_many() -> None:
    said = lines(CHANGE, skipped=(Skipped((), "an index", "another covers it"),))
    assert "Plan for outreach: 1 change" in said
    assert "keys: 1 change" in said
    assert "1 wish is left out:" in said


def test_headings_are_whole() -> None:
    (heading,) = [line for line in lines(CHANGE) if line.split()[:1] == ["change"]]
    assert heading.split() == ["change", "lock", "held", "takes"]
