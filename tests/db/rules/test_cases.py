"""Every case file, on every server: the rule finds just what the case says; fix and advice silence it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tenfold.pg.connect import connect
from tests.db.rules.casefile import Case, Run, case_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenfold.model.finding import Finding

PARAMETERS = [
    pytest.param(major, file.rule, case, id=f"{file.rule}-{case.name.replace(' ', '-')}-{major}")
    for file in case_files()
    for case in file.cases
    for major in case.servers
]


@pytest.mark.parametrize(("server", "rule", "case"), PARAMETERS, indirect=["server"])
def test_rule_finds_what_the_case_says(database: str, rule: str, case: Case) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        run = Run(rule, case, connection)
        try:
            findings = run.findings()
            assert _found(run, findings) == _expected(run, case, findings)
            if case.fix and any(finding.remedies for finding in findings):
                run.fix(findings)
                assert _left_of(run, [finding for finding in findings if finding.remedies]) == []
            # What a patch makes up is not there to be put right.
            advised = tuple(finding for finding in findings if finding.advice and not case.patch)
            if advised and case.advice != "waits":
                if not case.fix:
                    run.fix(advised)
                run.follow(advised)
                assert bool(_left_of(run, advised)) == (case.advice == "begins")
        finally:
            run.drop_roles()


def _left_of(run: Run, findings: Iterable[Finding]) -> list[str]:
    keys = {finding.key for finding in findings}
    return [finding.message for finding in run.findings() if finding.key in keys]


def _found(run: Run, findings: tuple[Finding, ...]) -> list[tuple[str | None, ...]]:
    return sorted(
        (run.spoken(finding.object), run.spoken(finding.detail) or "", finding.priority.value)
        for finding in findings
    )


def _expected(run: Run, case: Case, findings: tuple[Finding, ...]) -> list[tuple[str | None, ...]]:
    """What the case says; where it leaves detail or priority open, what was found fills in."""
    by_object = {run.spoken(finding.object): finding for finding in findings}
    expected = []
    for entry in case.finds:
        found = by_object.get(entry.object)
        open_detail = run.spoken(found.detail) if found else None
        open_priority = found.priority if found else None
        expected.append(
            (
                entry.object,
                (entry.detail if entry.detail is not None else open_detail) or "",
                (entry.priority or open_priority or ""),
            )
        )
    return sorted(expected)
