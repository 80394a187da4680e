"""What is recorded of read models in the database, for all processes that refresh them."""

from __future__ import annotations

from datetime import datetime

from tenfold.errors import ReadModelError
from tenfold.runtime.read_models.install import RECORD
from tenfold.runtime.read_models.model import ReadModel
from tenfold.runtime.read_models.schedule import State
from tenfold.runtime.session import Session

_STATE = f"""
SELECT storage, refreshes,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - refreshed_at)::float8 AS age, seconds,
       failures, EXTRACT(epoch FROM pg_catalog.clock_timestamp() - failed_at)::float8 AS failed_age
  FROM {RECORD} WHERE name = $1
"""
_FAILED = f"""
UPDATE {RECORD}
   SET failures = failures + 1, failed_at = pg_catalog.clock_timestamp(), error = $3
 WHERE name = $1 AND storage = $2
"""
_SUCCEEDED = """
UPDATE {record}
   SET refreshes = refreshes + 1, refreshed_at = $2::timestamptz,
       seconds = EXTRACT(epoch FROM pg_catalog.clock_timestamp() - $2::timestamptz),
       rows = (SELECT pg_catalog.count(*) FROM {stored}), failures = 0, failed_at = NULL, error = NULL
 WHERE name = $1
RETURNING seconds, rows
"""


async def state_of(session: Session, model: ReadModel) -> State:
    """What is recorded of it. Raises ReadModelError where nothing is."""
    row = await session.fetch_row(_STATE, str(model))
    if row is None:
        raise not_installed(model)
    return State(**{field: row[field] for field in State.__struct_fields__})


def require_as_declared(model: ReadModel, state: State) -> None:
    """Raises ReadModelError where the database has it with another definition."""
    if state.storage != model.names.storage:
        raise ReadModelError(
            f"the read model {model} is declared otherwise here than in the database, which has"
            f" {state.storage} and not {model.names.storage}; run its install_sql in a migration, or deploy"
            " the service that goes with the one that ran"
        )


async def record_success(session: Session, model: ReadModel, began: datetime) -> tuple[float, int]:
    """Seconds that it took, and rows that it has."""
    row = await session.fetch_row(
        _SUCCEEDED.format(record=RECORD, stored=model.names.stored), str(model), began
    )
    if row is None:
        raise not_installed(model)
    return row[0], row[1]


async def record_failure(session: Session, model: ReadModel, error: str) -> None:
    await session.execute(_FAILED, str(model), model.names.storage, error)


def not_installed(model: ReadModel) -> ReadModelError:
    return ReadModelError(
        f"the read model {model} is not in this database; run its install_sql in a migration"
    )
