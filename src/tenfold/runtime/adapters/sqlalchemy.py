"""SQLAlchemy 2: an engine whose transactions are those of one tenant, or are not begun.

    engine = create_async_engine("postgresql+asyncpg://app@localhost/product")
    tenants = TenantEngines(engine)
    async with AsyncSession(tenants.of(7)) as session:
        ...

Works with any driver and with engines that are not asynchronous. The setting is a statement of its own, so a
transaction costs one round trip more than with `Database`, which also resets what a former user left behind.
A guard looks at the statements of all engines of tenants.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tenfold.errors import TenantError
from tenfold.runtime.guard import Guard
from tenfold.runtime.guard.placeholders import numbered
from tenfold.runtime.guard.tables import QUERY
from tenfold.runtime.quote import setting_name
from tenfold.runtime.tenant import TenantId, tenant_id

_OPTION = "tenfold_tenant"
_log = logging.getLogger("tenfold.runtime")

E = TypeVar("E", Engine, AsyncEngine)


class TenantEngines(Generic[E]):
    """From here on the engine itself begins no transaction: it raises TenantError. Make one per engine."""

    def __init__(
        self,
        engine: E,
        *,
        setting: str = "app.tenant_id",
        tenant_type: type[uuid.UUID] | type[int] = int,
        guard: Guard | None = None,
    ) -> None:
        self._engine: E = engine
        self._set = f"SET LOCAL {setting_name(setting)} = "
        self._tenant_type = tenant_type
        self._guard = guard
        listened = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        event.listen(listened, "begin", self._set_tenant)
        if guard is not None:
            event.listen(listened, "before_cursor_execute", self._check)

    def of(self, tenant: object) -> E:
        """An engine of this tenant. It shares the pool and costs nothing. Raises InvalidTenantError."""
        return self._with(tenant_id(tenant, self._tenant_type))

    def of_system(self, reason: str) -> E:
        """An engine of no tenant, for the few statements across tenants. The reason is logged."""
        if not reason.strip():
            raise TenantError("an engine of the system needs a reason; it is logged")
        _log.info("engine of the system: %s", reason)
        return self._with("")

    def _with(self, tenant: TenantId | str) -> E:
        return self._engine.execution_options(**{_OPTION: tenant})

    def _set_tenant(self, connection: Connection) -> None:
        tenant = connection.get_execution_options().get(_OPTION)
        if tenant is None:
            raise TenantError("this engine is of no tenant, so nothing is asked; use that of tenants.of(id)")
        # An id is digits or a UUID: nothing in it needs quoting.
        connection.exec_driver_sql(f"{self._set}'{tenant}'")
        guard = self._guard
        if guard is not None and guard.needs_tables:
            guard.learned(connection.execute(text(QUERY.replace("$1", ":name")), {"name": guard.column}))

    def _check(
        self, connection: Connection, cursor: Any, statement: str, given: Any, context: Any, many: bool
    ) -> None:
        tenant, guard = connection.get_execution_options().get(_OPTION), self._guard
        if tenant in (None, "") or guard is None or guard.needs_tables:
            return
        for parameters in given if many else (given,):
            guard.check_for(tenant, *numbered(statement, parameters))
