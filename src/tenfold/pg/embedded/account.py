"""The operating-system account that a server runs as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tenfold.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACCOUNT_VARIABLE = "TENFOLD_SERVER_ACCOUNT"
_USUAL_ACCOUNTS = ("postgres", "nobody")


class Account(NamedTuple):
    """The account to change to before a server program is run."""

    name: str
    uid: int
    gid: int


def server_account(name: str | None, data: Path) -> Account | None:
    """The account for the cluster in `data`, or None to stay who we are, which any user but root does."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        return _owner(data)
    if wanted := name or os.environ.get(ACCOUNT_VARIABLE):
        try:
            return _account(pwd.getpwnam(wanted))
        except KeyError:
            raise EmbeddedServerError(f"there is no account {wanted!r} to run PostgreSQL as") from None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for usual in _USUAL_ACCOUNTS:
        if usual in known:
            return _account(known[usual])
    raise EmbeddedServerError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run it as; "
        f"name one with {ACCOUNT_VARIABLE}"
    )


def run_as(account: Account | None, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run one PostgreSQL program to its end. Raises OSError when the account cannot execute it."""
    return subprocess.run(
        [str(part) for part in command],
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",  # the account may not be able to enter ours, and PostgreSQL insists
        env=server_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def server_environment() -> dict[str, str]:
    """Ours, without what would steer PostgreSQL from outside, and with messages that we can read."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return ours | {"LC_ALL": "C"}


def give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def check_entry(folder: Path, account: Account | None) -> None:
    """Raise EmbeddedServerError, with the folder to blame, when the account may not enter this one."""
    if account and run_as(account, ["test", "-x", folder]).returncode != 0:
        closed = closed_folder(folder, account) or folder
        raise EmbeddedServerError(
            f"the account {account.name!r}, as which PostgreSQL is to run, may not enter {closed}; "
            "choose another folder for the server"
        )


def closed_folder(path: Path, account: Account) -> Path | None:
    """The outermost folder on the way to `path` that the account may not enter by its permission bits."""
    for folder in reversed([path, *path.parents]):
        if folder.is_dir() and not _may_enter(folder.stat(), account):
            return folder
    return None


def _may_enter(folder: os.stat_result, account: Account) -> bool:
    if folder.st_uid == account.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _owner(data: Path) -> Account:
    found = data.stat()
    try:
        name = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        name = f"uid {found.st_uid}"
    return _not_root(Account(name, found.st_uid, found.st_gid))


def _account(entry: pwd.struct_passwd) -> Account:
    return _not_root(Account(entry.pw_name, entry.pw_uid, entry.pw_gid))


def _not_root(account: Account) -> Account:
    if account.uid == 0:
        raise EmbeddedServerError(
            f"PostgreSQL does not run as {account.name}; name another account with {ACCOUNT_VARIABLE}"
        )
    return account
