"""How an application tells the server which tenant it works for, in the three usual ways of Python.

All of them set it for one transaction: set_config(..., true) is SET LOCAL, which a pooler cannot carry over
to another client.
"""

from __future__ import annotations

from collections.abc import Mapping

_SQLALCHEMY = """\
from contextvars import ContextVar

from sqlalchemy import event, text
from sqlalchemy.orm import Session

current_tenant: ContextVar[str] = ContextVar("current_tenant")


@event.listens_for(Session, "after_begin")
def set_tenant(session, transaction, connection):
    connection.execute(
        text("SELECT set_config(:name, :value, true)"),
        {"name": {setting}, "value": current_tenant.get()},
    )
"""

_DJANGO = '''\
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def tenant(tenant_id):
    """Every query inside belongs to this tenant: with tenant(request.user.team_id): ..."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [{setting}, str(tenant_id)])
        yield
'''

_PSYCOPG = '''\
from contextlib import contextmanager


@contextmanager
def tenant(connection, tenant_id):
    """Every statement inside belongs to this tenant: with tenant(connection, team_id): ..."""
    with connection.transaction():
        connection.execute("SELECT set_config(%s, %s, true)", [{setting}, str(tenant_id)])
        yield connection
'''


def snippets(setting: str) -> Mapping[str, str]:
    """Code by library, for this setting."""
    told = {"SQLAlchemy": _SQLALCHEMY, "Django": _DJANGO, "psycopg": _PSYCOPG}
    return {library: code.replace("{setting}", _python(setting)) for library, code in told.items()}


def _python(text: str) -> str:
    """A Python string in double quotes, as the code around it has them."""
    import json

    return json.dumps(text)
