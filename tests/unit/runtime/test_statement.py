"""What would end a session's transaction, or outlive it, is told from what only looks like it."""

from __future__ import annotations

import pytest

from tenfold.runtime.statement import refusals

refusal = refusals("app.tenant_id")

REFUSED = """
commit
  COMMIT;
Rollback
END
begin
START  TRANSACTION
savepoint x
release x
abort
PREPARE x AS SELECT 1
deallocate all
DISCARD TEMP
load 'x'
listen x
SELECT pg_advisory_lock(1)
select PG_TRY_ADVISORY_LOCK_SHARED(1)
/* a reason */ COMMIT
set app.tenant_id = '8'
SET LOCAL "app"."tenant_id" TO 8
SET SESSION app . tenant_id = 8
reset app.tenant_id
RESET ALL
SELECT set_config('app.tenant_id', '8', true)
WITH x AS (SELECT Set_Config ( 'APP.tenant_id', $1, false)) SELECT * FROM x
"""

SENT = """
SELECT 1
UPDATE commits SET begin = 1
WITH x AS (SELECT 1) SELECT * FROM x
SELECT pg_advisory_xact_lock(1)
SELECT pg_advisory_unlock(1)
NOTIFY x
SET LOCAL x.y = 1
SET LOCAL app.tenant_id_of_user = 1
SELECT current_setting('app.tenant_id')
SELECT set_config('app.user_id', '8', true)
/* commit */ SELECT 1
COMMENT ON TABLE x IS 'commit'
EXPLAIN SELECT 1
SELECT 'listen'
COPY x TO STDOUT
"""


@pytest.mark.parametrize("statement", REFUSED.strip().splitlines())
def test_refused(statement: str) -> None:
    assert refusal(statement)
    assert refusal(f"\n\t-- a reason\n{statement}")
    assert refusal(f"{statement} -- {'x' * 10_000}")


@pytest.mark.parametrize("statement", SENT.strip().splitlines())
def test_sent(statement: str) -> None:
    assert not refusal(statement)
