"""The example at several sizes, as the toolkit's plan leaves it, with its indexes and its isolation."""

from __future__ import annotations

import contextlib
from functools import cached_property

import msgspec

from tenfold.bench.fill import fill
from tenfold.bench.fill_spec import FillSpec, read_fill_spec
from tenfold.catalog.config_file import LoadedConfig, load_config
from tenfold.catalog.reader import read_snapshot
from tenfold.cli.example import example_folder, load_and_fill
from tenfold.migrate.apply import apply
from tenfold.migrate.observer import PlainObserver
from tenfold.migrate.plan import plan
from tenfold.migrate.site import connector
from tenfold.model.change import Phase
from tenfold.model.ddl import identifier, qualified
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer
from tenfold.rules.audit import audit

_TEMPLATE = "template"


class PlannedExample:
    """Made once on a server, empty; every size is a copy of it that is filled.

    So rows come to indexes that are there already, as in production, and no backfill leaves bloat.
    """

    def __init__(
        self,
        server: EmbeddedServer,
        *,
        tenants: int | None = None,
        skew: float | None = None,
        more_indexes: str = "",
    ) -> None:
        self._server = server
        self._folder = example_folder()
        self._more_indexes = more_indexes
        spec = read_fill_spec(self._folder / "fill.toml")
        self.spec: FillSpec = msgspec.structs.replace(
            spec, tenants=tenants or spec.tenants, skew=spec.skew if skew is None else skew
        )
        #: Those that the plan has made.
        self.indexes: tuple[tuple[str, str], ...] = ()
        self._make()

    @cached_property
    def loaded(self) -> LoadedConfig:
        return load_config(self._folder / "tenfold.toml")

    @property
    def role(self) -> str:
        return self.loaded.config.tenancy.application_role or "app"

    def scale_of(self, leads: int) -> float:
        """The fill's scale that has so many leads."""
        mean = self.spec.tables["leads"].per_tenant or 1.0
        return leads / (mean * self.spec.tenants)

    def load(self, leads: int) -> str:
        """A database with so many leads and all that hangs on them, analyzed; its DSN."""
        name = f"{_TEMPLATE}_{leads}"
        with contextlib.closing(connect(self._server.dsn(), writable=True)) as connection:
            execute_script(connection, f"CREATE DATABASE {identifier(name)} TEMPLATE {_TEMPLATE}")
        dsn = self._server.dsn(name)
        with contextlib.closing(connect(dsn, writable=True, statement_timeout=0)) as connection:
            fill(connection, read_snapshot(connection), self.spec, scale=self.scale_of(leads), analyzed=False)
            execute_script(connection, "VACUUM (ANALYZE)")
        return dsn

    def _make(self) -> None:
        """The plan is that of a filled example, since an empty one shows the rules nothing."""
        dsn = self._server.create_database(_TEMPLATE)
        with contextlib.closing(connect(dsn, writable=True, statement_timeout=0)) as connection:
            load_and_fill(connection, self._folder, self.role, scale=0.1)
            inherited = read_snapshot(connection)
            judged = audit(inherited, self.loaded.config, workload=self.loaded.workload)
            apply(
                plan(inherited, judged, self.loaded.config),
                connector(dsn),
                observer=PlainObserver(lambda _line: None),
                phases=list(Phase),
                journal_folder=self._server.folder / "journal",
            )
            planned = read_snapshot(connection)
            self.indexes = _added(inherited, planned)
            tables = ", ".join(
                qualified(relation.schema, relation.name)
                for relation in planned.relations
                if relation.kind in ("r", "p") and relation.extension is None
            )
            execute_script(connection, f"TRUNCATE {tables} RESTART IDENTITY CASCADE; {self._more_indexes}")


def _added(before: Snapshot, after: Snapshot) -> tuple[tuple[str, str], ...]:
    known = {index.name for index in before.indexes}
    return tuple(
        (after.relation_by_oid[index.relation].schema, index.name)
        for index in after.indexes
        if index.name not in known
    )
