"""A tenant's transaction with Django and django-rls-tenants, in the way its documentation has for requests.

Django is set up once in a process, and for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tenfold.bench.runtime.ground import SETTING
from tenfold.runtime.drivers.place import parameters_of

NAME = "Django, django-rls-tenants"
WHY = (
    "Django with django-rls-tenants: of its tenant libraries the one that keeps tenants apart in one database"
    " by row-level security, as all here do, and is maintained (django-multitenant filters in Python and had"
    " its last release in 2023; django-tenants has a schema for each tenant). Its middleware, with SET LOCAL;"
    " a thread and a persistent connection for each caller. Its SET LOCAL does not go with server-side"
    " binding, so no statement is prepared."
)
_CONFIGURED: dict[str, Any] = {}


@contextmanager
def asking(dsn: str, connections: int) -> Generator[None]:
    """`ask` works inside the block."""
    _configure(dsn)
    used: list[Any] = []
    with ThreadPoolExecutor(connections, initializer=_share, initargs=(used,)) as threads:
        _CONFIGURED["threads"] = threads
        yield
    # Django refuses to close one in a thread that runs an event loop, as ours does.
    with ThreadPoolExecutor(1) as closing:
        for connection in used:
            closing.submit(connection.close).result()


async def ask(tenant: int, lead: int, statements: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found: Sequence[str] = await loop.run_in_executor(
        _CONFIGURED["threads"], _request, tenant, lead, statements
    )
    return found


# --- in a thread -----------------------------------------------------------------------------------------


class _User:
    """Whom the login of the request found."""

    is_authenticated, is_tenant_admin = True, False

    def __init__(self, tenant: int) -> None:
        self.rls_tenant_id = tenant


class _Request:
    def __init__(self, tenant: int, lead: int, statements: int) -> None:
        self.user, self.lead, self.statements = _User(tenant), lead, statements


def _request(tenant: int, lead: int, statements: int) -> list[str]:
    found: list[str] = _CONFIGURED["middleware"](_Request(tenant, lead, statements))
    return found


def _view(request: _Request) -> list[str]:
    found: list[str] = []
    for _ in range(request.statements):
        # The library's manager adds the tenant's predicate.
        found += _CONFIGURED["model"].objects.filter(id=request.lead).values_list("name", flat=True)
    return found


def _share(used: list[Any]) -> None:
    """A connection is its thread's own; whoever ends the threads is to close it, too."""
    from django.db import connections

    connection = connections["default"]
    connection.inc_thread_sharing()
    used.append(connection)


def _configure(dsn: str) -> None:
    how = parameters_of(dsn)
    place = {
        "HOST": str(how["host"]),
        "PORT": str(how["port"]),
        "USER": str(how["user"]),
        "NAME": str(how["dbname"]),
    }
    if _CONFIGURED:
        from django.db import connections

        connections.settings["default"].update(place)
        return

    import django
    from django.conf import settings

    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "CONN_MAX_AGE": None,
                **place,
            }
        },
        INSTALLED_APPS=["django_rls_tenants"],
        USE_TZ=True,
        RLS_TENANTS={
            "TENANT_MODEL": "tenfold_bench.Team",
            "TENANT_FK_FIELD": "team",
            "GUC_PREFIX": SETTING.partition(".")[0],
            "USE_LOCAL_SET": True,
        },
    )
    django.setup()
    _CONFIGURED["model"] = _model()

    from django_rls_tenants import RLSTenantMiddleware

    _CONFIGURED["middleware"] = RLSTenantMiddleware(_view)


def _model() -> Any:
    from django.db import models
    from django_rls_tenants import RLSProtectedModel

    def meta(*bases: type) -> type:
        return type("Meta", bases, {"app_label": "tenfold_bench", "db_table": "leads", "managed": False})

    type("Team", (models.Model,), {"__module__": __name__, "Meta": meta()})
    columns = {"id": models.BigIntegerField(primary_key=True), "name": models.TextField()}
    return type(
        "Lead",
        (RLSProtectedModel,),
        {"__module__": __name__, **columns, "Meta": meta(RLSProtectedModel.Meta)},
    )
