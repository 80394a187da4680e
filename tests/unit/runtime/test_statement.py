"""What would end a session's transaction, or outlive it, is told from what only looks like it."""

from __future__ import annotations

import pytest

from tenfold.runtime.statement import refusal

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
"""

SENT = """
SELECT 1
UPDATE commits SET begin = 1
WITH x AS (SELECT 1) SELECT * FROM x
SELECT pg_advisory_xact_lock(1)
SELECT pg_advisory_unlock(1)
NOTIFY x
SET LOCAL x.y = 1
COMMENT ON TABLE x IS 'commit'
EXPLAIN SELECT 1
SELECT 'listen'
COPY x TO STDOUT
"""


@pytest.mark.parametrize("statement", REFUSED.strip().splitlines())
def test_refused(statement: str) -> None:
    assert refusal(statement)
    assert refusal(f"\n\t{statement}")


@pytest.mark.parametrize("statement", SENT.strip().splitlines())
def test_sent(statement: str) -> None:
    assert not refusal(statement)
