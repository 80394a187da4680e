"""One size of a twin: a database that answers what the planner would do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import psycopg

from tenfold.errors import NotPlannableError, TwinError, UsageError
from tenfold.model.ddl import identifier
from tenfold.model.query_plan import QueryPlan, decode_plan
from tenfold.twin.load import Length, load_sizes, load_statistics, place
from tenfold.twin.planner_settings import session_settings
from tenfold.twin.session import TwinSession, gave_up, said
from tenfold.twin.what_if import WhatIf

if TYPE_CHECKING:
    from tenfold.model.snapshot import Snapshot
    from tenfold.twin.catalog import Oids
    from tenfold.twin.twin import Twin

#: Milliseconds that planning may take: a function that the planner calls may read a table of zeros.
PLANNING_TIMEOUT: Final = 10_000

_EXPLAIN = b"EXPLAIN (FORMAT JSON) "
_EXPLAIN_GENERIC = b"EXPLAIN (FORMAT JSON, GENERIC_PLAN) "


class Scale:
    """A size of the database. Made by `Twin.scale`; for one thread at a time."""

    def __init__(self, twin: Twin, database: str) -> None:
        self._twin = twin
        self._database = database
        self._admin_session: TwinSession | None = None
        self._planner_session: TwinSession | None = None
        self._subject: tuple[str | None, tuple[tuple[str, str], ...]] | None = None
        self.what_if = WhatIf(self)

    # --- the size ------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        """Takes the sizes and statistics of a snapshot with the twin's schema, today's or a grown one.

        Indexes that were made or hidden for a question are as they were in the source again.
        """
        self.what_if.forget()
        ((oid,),) = self.admin.named("database_oid")
        self._database_oid = int(oid)
        #: Numbers of the relations' files by twin oid.
        self.nodes = load_sizes(self.admin, self._twin.forks, self._database_oid, snapshot, self.oids)
        #: Columns whose statistics the server did not take whole: as `schema.table.column`.
        self.refused_statistics = load_statistics(self.admin, snapshot, self.oids)
        self.snapshot = snapshot

    def place(self, length: Length) -> None:
        """Gives one relation another length."""
        self.nodes |= place(self.admin, self._twin.forks, self._database_oid, [length])

    def twin_oid(self, relation: int) -> int:
        """The twin's oid of one of the source's relations. Raises UsageError where the twin lacks it."""
        source = self.snapshot.relation_by_oid[relation]
        found = self.oids.get((source.schema, source.name))
        if found is None:
            raise UsageError(f"the twin has no {source.qualified}")
        return found

    @property
    def oids(self) -> Oids:
        """Twin oids of relations and indexes by (schema, name)."""
        return self._twin.oids

    # --- questions -----------------------------------------------------------------------------------

    def explain(
        self,
        statement: str,
        parameters: Sequence[str | None] | None = None,
        *,
        role: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> QueryPlan:
        """The plan of one statement, which is not run.

        `parameters` are the values of `$1, $2, ...` in text form; without them the plan is the generic one.
        `role` is who asks, by default a superuser; `settings` are what the session has set, such as the
        tenant. Raises NotPlannableError where the twin cannot tell.
        """
        self._be(role, settings or {})
        try:
            if parameters is None and "$" in statement:
                answer = self._planner.ask_generic(_EXPLAIN_GENERIC + statement.encode())
            else:
                answer = self._planner.ask(_EXPLAIN + statement.encode(), parameters)
        except psycopg.errors.QueryCanceled as error:
            raise NotPlannableError(f"not planned within {PLANNING_TIMEOUT // 1000} s") from error
        except psycopg.Error as error:
            if gave_up(error):
                raise TwinError(f"the twin's server gave up: {said(error)}") from error
            raise NotPlannableError(said(error)) from error
        if (found := self._twin.stand_ins.search(answer)) is not None:
            raise NotPlannableError(
                f"the plan depends on {found[1].decode()}, which the twin has no true one of"
            )
        return decode_plan(answer)

    def _be(self, role: str | None, settings: Mapping[str, str]) -> None:
        """Have the session be of this role with these settings; nothing is sent where it is already."""
        subject = (role, tuple(settings.items()))
        if subject == self._subject or self._be_a_little_different(role, settings):
            self._subject = subject
            return
        self._subject = None
        planner = self._planner
        planner.script("RESET ROLE; RESET ALL")
        wanted = session_settings(self._twin.snapshot, role)
        known = self._known_settings(wanted)
        given = {name: value for name, value in wanted.items() if "." in name or name in known}
        given |= settings
        given |= {"statement_timeout": str(PLANNING_TIMEOUT), "default_transaction_read_only": "on"}
        refused = planner.give(given)
        if refused is None and role is not None:
            refused = planner.script(f"SET ROLE {identifier(role)}")
        if refused is not None:
            raise TwinError(f"the twin cannot ask as {role or 'superuser'}: {refused}")
        self._subject = subject

    def _be_a_little_different(self, role: str | None, settings: Mapping[str, str]) -> bool:
        """Whether the same role with other values was had by giving these alone."""
        if self._subject is None or self._subject[0] != role:
            return False
        before = dict(self._subject[1])
        changed = {name: value for name, value in settings.items() if before.get(name) != value}
        return before.keys() <= settings.keys() and self._planner.give(changed) is None

    def _known_settings(self, wanted: Mapping[str, str]) -> frozenset[str]:
        if not wanted.keys() <= self._twin.known_settings.keys():
            names = self.admin.named("known_settings", names=list(wanted))
            known = {name for (name,) in names}
            self._twin.known_settings.update({name: name in known for name in wanted})
        return frozenset(name for name in wanted if self._twin.known_settings[name])

    # --- its sessions --------------------------------------------------------------------------------

    @property
    def admin(self) -> TwinSession:
        """The session that writes catalogs."""
        if self._admin_session is None:
            self._admin_session = self._twin.session(self._database)
        return self._admin_session

    @property
    def _planner(self) -> TwinSession:
        """The session that plans."""
        if self._planner_session is None:
            self._planner_session = self._twin.session(self._database)
        return self._planner_session

    def rest(self) -> None:
        """Closes its sessions, until the next question."""
        for session in (self._admin_session, self._planner_session):
            if session is not None:
                session.close()
        self._admin_session = self._planner_session = self._subject = None
