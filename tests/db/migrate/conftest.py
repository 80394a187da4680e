from __future__ import annotations

from pathlib import Path

import pytest

from tests.db.migrate.bench import Bench
from tests.db.migrate.changes import load


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Bench:
    load(database)
    return Bench(database, tmp_path)
