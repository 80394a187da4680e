"""The database that all contenders ask: the leads of one large tenant among many small ones.

Row-level security is on. Policies bind the role `app`, and not the role `unbound`, which has the same rights.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager

import msgspec

from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer

#: The large tenant; every fifth row is of one of the 99 others.
TENANT = 1
#: django-rls-tenants ends the name of its setting like this.
SETTING = "app.current_tenant"
POLICY = f"team_id = (SELECT NULLIF(current_setting('{SETTING}', true), '')::bigint)"

_SERVER: Mapping[str, str | int | bool] = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "max_connections": 200,
    "autovacuum": False,
    "jit": False,
}
# A tenant's rows lie among those of others, as they came. One in twenty has no priority.
_SCHEMA = f"""
CREATE ROLE app LOGIN;
CREATE ROLE unbound LOGIN BYPASSRLS;
CREATE TABLE leads (
  id bigint NOT NULL,
  team_id bigint NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  score integer NOT NULL,
  priority integer,
  created_at timestamptz NOT NULL
);
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON leads USING ({POLICY}) WITH CHECK ({POLICY});
GRANT SELECT, INSERT, UPDATE, DELETE ON leads TO app, unbound
"""
_FILL = """
INSERT INTO leads
SELECT n, CASE WHEN n %% 5 = 0 THEN 2 + n / 5 %% 99 ELSE 1 END,
       'Lead ' || n, 'lead' || n || '@example.com',
       abs(hashint8(n) / 3) %% 5,
       CASE WHEN hashint8(n) %% 20 <> 0 THEN abs(hashint8(n)) / 20 %% 5 END,
       timestamptz '2026-01-01' + n / 3 * interval '1 second'
  FROM generate_series(1::bigint, %(rows)s) AS n
"""
_INDEXES = """
ALTER TABLE leads ADD PRIMARY KEY (id);
CREATE INDEX leads_by_id ON leads (team_id, id);
CREATE INDEX leads_by_time ON leads (team_id, created_at DESC, id DESC);
CREATE INDEX leads_by_score ON leads (team_id, score DESC, created_at, id);
CREATE INDEX leads_by_priority ON leads (team_id, priority DESC NULLS LAST, created_at, id);
"""


class Ground(msgspec.Struct, frozen=True):
    """Connection strings of the roles, and how many rows the large tenant has."""

    owner: str
    app: str
    unbound: str
    rows: int
    server: str


@contextmanager
def ground(rows: int) -> Generator[Ground]:
    """A server of our own with so many rows of the large tenant, or a few more; it ends with the block."""
    with EmbeddedServer.temporary(settings=_SERVER) as server:
        owner = server.create_database("bench")
        with closing(connect(owner, writable=True, statement_timeout=0)) as connection:
            execute_script(connection, _SCHEMA)
            connection.execute(_FILL, {"rows": rows * 5 // 4 + 5})
            execute_script(connection, _INDEXES)
            execute_script(connection, "VACUUM (ANALYZE, FREEZE) leads")
            counted = connection.execute("SELECT count(*) FROM leads WHERE team_id = %s", [TENANT]).fetchone()
            version = connection.info.parameter_status("server_version") or ""
        yield Ground(
            owner=owner,
            app=server.dsn("bench", user="app"),
            unbound=server.dsn("bench", user="unbound"),
            rows=counted[0] if counted else 0,
            server=f"PostgreSQL {version}",
        )
