"""What server settings amount to: sizes in bytes, switches, and what is in force for a role.

A setting that the snapshot does not hold is None, never a guess.
"""

from __future__ import annotations

import re

from tenfold.model.roles import Role
from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject

_UNIT = re.compile(r"(\d*)(B|kB|MB|GB|TB)\Z")
_AMOUNT = re.compile(r"\s*(\d+\.?\d*)")
_BYTES = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
#: What `pg_settings.source` says of a value that the reading session brought along by itself.
_OF_THE_READER = frozenset({"client", "database user", "user"})


def number(snapshot: Snapshot, name: str) -> float | None:
    """A numeric setting in its own unit."""
    text = snapshot.setting(name)
    return float(text) if text is not None else None


def size(snapshot: Snapshot, name: str) -> int | None:
    """A memory setting in bytes."""
    found = snapshot.setting_by_name.get(name)
    unit = _UNIT.match(found.unit or "") if found else None
    if found is None or unit is None:
        return None
    return int(found.value) * int(unit[1] or 1) * _BYTES[unit[2]]


def is_off(value: str) -> bool:
    """Whether the server reads the text as false: as parse_bool() does, from any unique beginning."""
    text = value.lower()
    return bool(text) and (
        text == "0" or "false".startswith(text) or "no".startswith(text) or text in ("of", "off")
    )


def application_role(subject: Subject) -> Role | None:
    """The role that the application connects as, where it is named and exists."""
    return subject.snapshot.role_by_name.get(subject.tenancy.application_role or "")


def limits(subject: Subject, name: str, role: Role | None) -> bool:
    """Whether a timeout is in force: for the role, or for any role that sets none of its own.

    What is set nearest to the session counts: role, then database, then server. Zero turns it off.
    """
    value = role.setting(name) if role is not None else None
    if value is None:
        value = _database_setting(subject.snapshot, name)
    if value is None:
        value = _server_setting(subject.snapshot, name)
    amount = _AMOUNT.match(value or "")
    return amount is not None and float(amount[1]) > 0


def collects_statements(snapshot: Snapshot) -> bool:
    """Whether pg_stat_statements is loaded and can be read in this database."""
    return statements_loaded(snapshot) and "pg_stat_statements" in snapshot.extension_names


def statements_loaded(snapshot: Snapshot) -> bool:
    """Whether the library is in shared_preload_libraries, which a role without rights cannot ask for.

    Its own settings exist for everyone, but only once it is loaded.
    """
    return "pg_stat_statements.max" in snapshot.setting_by_name


def _database_setting(snapshot: Snapshot, name: str) -> str | None:
    for item in snapshot.database.settings or ():
        key, _, value = item.partition("=")
        if key.lower() == name:
            return value
    return None


def _server_setting(snapshot: Snapshot, name: str) -> str | None:
    found = snapshot.setting_by_name.get(name)
    reader = snapshot.role_by_name.get(snapshot.server.reader)
    if found is None or found.source in _OF_THE_READER or (reader and reader.setting(name) is not None):
        return None
    return found.value
