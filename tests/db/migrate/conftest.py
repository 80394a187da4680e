from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.db.migrate.bench import Bench
from tests.db.migrate.changes import load
from tests.db.migrate.inherited import Inherited


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Bench:
    load(database)
    return Bench(database, tmp_path)


@pytest.fixture
def inherited(database: str) -> Iterator[Inherited]:
    made = Inherited(database, f"app_{secrets.token_hex(6)}")
    yield made
    made.close()
