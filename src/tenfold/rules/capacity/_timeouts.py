"""The limits that an application's sessions should run under, and the wish to set one for a role."""

from __future__ import annotations

import msgspec

from tenfold.model.remedy import SetRoleSetting
from tenfold.rules.settings import limits
from tenfold.rules.subject import Subject


class Timeout(msgspec.Struct, frozen=True):
    setting: str
    #: What is proposed: generous for a request, short for an outage.
    value: str
    #: What happens without it.
    consequence: str


STATEMENT = Timeout("statement_timeout", "30s", "one runaway query can run for hours and hold its snapshot")
LOCK = Timeout("lock_timeout", "5s", "a statement waits for a lock for ever, and others queue behind it")
IDLE_IN_TRANSACTION = Timeout(
    "idle_in_transaction_session_timeout",
    "60s",
    "a forgotten transaction keeps its locks and holds vacuum back",
)
TIMEOUTS = (STATEMENT, LOCK, IDLE_IN_TRANSACTION)


def wish(subject: Subject, role_name: str, timeout: Timeout) -> SetRoleSetting | None:
    """Sets the timeout for the role in this database; None where one is in force or there is no such role."""
    role = subject.snapshot.role_by_name.get(role_name)
    if role is None or limits(subject, timeout.setting, role):
        return None
    return SetRoleSetting(
        role=role.name,
        database=subject.snapshot.database.name,
        setting=timeout.setting,
        value=timeout.value,
        old=role.setting(timeout.setting),
    )
