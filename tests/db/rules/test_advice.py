"""SQL that is only advised is carried out by a person, who must be able to paste it: the server takes it."""

from __future__ import annotations

import contextlib

import pytest

from tenfold.pg.connect import connect, execute_script
from tests.db.rules.casefile import Case, Run, case_files

#: Advice for a table that lacks the tenant column, to be followed once another rule's fix has added it.
AFTER_ANOTHER_FIX = {"tenant-rls-off"}

PARAMETERS = [
    pytest.param(file.rule, case, id=f"{file.rule}-{case.name.replace(' ', '-')}")
    for file in case_files()
    for case in file.cases
    # What a patch makes up is not there to be put right.
    if case.finds and not case.patch and file.rule not in AFTER_ANOTHER_FIX
]


@pytest.mark.parametrize(("rule", "case"), PARAMETERS)
def test_the_server_takes_what_is_advised(database: str, rule: str, case: Case) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        run = Run(rule, case, connection)
        try:
            for finding in run.findings():
                if finding.advice:
                    run.fix((finding,))
                for statement in finding.advice:
                    execute_script(connection, statement)
        finally:
            run.drop_roles()
