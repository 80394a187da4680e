"""Whether a hub is as it must be: configuration, roles, migrations, audit, organizations kept apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any, NamedTuple

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tenfold.errors import TenfoldError, UsageError
from tenfold_hub.cli.isolation import try_all
from tenfold_hub.cli.local import local
from tenfold_hub.cli.ready import require_database, require_redis
from tenfold_hub.migrate import require_head, translated
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import PREFIX, Settings

_ROLES = """
SELECT rolname::text, rolsuper, rolbypassrls, rolcanlogin,
       ARRAY(SELECT o.rolname::text FROM pg_catalog.pg_roles o
              WHERE (o.rolsuper OR o.rolbypassrls) AND o.oid <> r.oid
                AND pg_catalog.pg_has_role(r.oid, o.oid, 'MEMBER') ORDER BY 1),
       ARRAY(SELECT c.oid::regclass::text FROM pg_catalog.pg_class c
              WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity
                AND pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER') ORDER BY 1)
  FROM pg_catalog.pg_roles r WHERE rolname = ANY(%s)
"""
#: Findings that are named one by one.
_NAMED = 10


class Line(NamedTuple):
    """Of the report; None is for what could not be found out."""

    good: bool | None
    what: str
    said: str


def check(database: str | None, environment: Mapping[str, str] = os.environ) -> int:
    """Prints a line for each part: 1 where something is wrong. Raises TenfoldError for no database."""
    if database is None:
        with local() as hub:
            return _report(hub.owner, hub.settings)
    return _report(database, lambda: Settings.from_environment(environment))


def _report(dsn: str, settings: Callable[[], Settings]) -> int:
    with translated(), psycopg.connect(dsn, autocommit=True) as connection:
        lines = [_configuration(settings), *_of_database(connection, dsn)]
    marks = {True: "ok     ", False: "wrong  ", None: "untried"}
    for line in lines:
        click.echo(f"{marks[line.good]}  {line.what:<13}  {line.said}")
    return int(any(line.good is False for line in lines))


def _of_database(connection: psycopg.Connection[Any], dsn: str) -> Iterator[Line]:
    yield from _roles(connection)
    migrations = _migrations(connection)
    yield migrations
    if migrations.good:
        yield _audit(dsn)
        yield from _isolation(connection)


def _configuration(settings: Callable[[], Settings]) -> Line:
    """What `serve` would be told by the environment."""
    try:
        told = settings()
        require_database(told)
        require_redis(told.redis)
    except UsageError as error:
        if f"{PREFIX}DATABASE is not set" in error.message:
            return Line(None, "configuration", f"{error.message}, as `tenfold hub serve` takes it")
        return Line(False, "configuration", error.message)
    except TenfoldError as error:
        return Line(False, "configuration", error.message)
    also = [name for name in ("redis", "dispatcher", "maintenance") if getattr(told, name)]
    return Line(True, "configuration", ", ".join(["database", "secret", *also]))


def _roles(connection: psycopg.Connection[Any]) -> Iterator[Line]:
    found = {row[0]: row[1:] for row in connection.execute(_ROLES, [list(ROLES.names)]).fetchall()}
    faults = []
    for name in ROLES.names:
        if name not in found:
            faults.append(f"there is no role {name}")
            continue
        superuser, bypasses, enters, may_become, owned = found[name]
        if superuser or bypasses:
            faults.append(f"{name} {'is a superuser' if superuser else 'has BYPASSRLS'}: no policy binds it")
        if may_become:
            faults.append(f"{name} may become {may_become[0]}, whom no policy binds")
        if owned and name != ROLES.owner:
            faults.append(f"{name} may act as the owner of {owned[0]}, and so take its policies away")
        if not enters and name == ROLES.application:
            faults.append(f"{name} may not log in")
    if not faults:
        yield Line(True, "roles", f"policies bind all {len(ROLES.names)} of them")
    for fault in faults:
        yield Line(False, "roles", fault)


def _migrations(connection: psycopg.Connection[Any]) -> Line:
    try:
        return Line(True, "migrations", f"at {require_head(connection)}, the newest")
    except TenfoldError as error:
        return Line(False, "migrations", error.message)


def _audit(dsn: str) -> Line:
    """By the toolkit's command, in a process of its own; a password goes by the environment."""
    known = conninfo_to_dict(dsn)
    secret = {"PGPASSWORD": str(known.pop("password"))} if "password" in known else {}
    with resources.as_file(resources.files("tenfold_hub") / "tenfold.toml") as config:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tenfold.cli.main", "audit"),
                make_conninfo(**{name: str(value) for name, value in known.items()}),
                *("--config", str(config), "--format", "json"),
            ],
            capture_output=True,
            text=True,
            env=os.environ | secret,
            check=False,
        )
    try:
        findings = json.loads(done.stdout)["findings"]
    except (ValueError, KeyError):
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return Line(False, "audit", said[-1].removeprefix("tenfold: "))
    if not findings:
        return Line(True, "audit", "no finding")
    named = [f"{each['rule']} ({each['object']})" for each in findings[:_NAMED]]
    more = f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return Line(False, "audit", f"{len(findings)} findings: {', '.join(named)}{more}")


def _isolation(connection: psycopg.Connection[Any]) -> Iterator[Line]:
    if connection.info.parameter_status("is_superuser") != "on":
        yield Line(None, "isolation", "it takes a superuser to make up rows for it; give the DSN of one")
        return
    tried = try_all(connection, ROLES.application)
    leaked = [each for each in tried if each.leaked]
    for each in leaked:
        yield Line(False, "isolation", f"{each.table} {', '.join(each.leaked)}")
    for each in tried:
        if each.untried and not each.leaked:
            yield Line(None, "isolation", f"{each.table} shows its rows to others or not: {each.untried}")
    if not leaked:
        held = sum(not each.untried for each in tried)
        yield Line(True, "isolation", f"{held} tables show and take rows of their own organization only")
