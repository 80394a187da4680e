"""The application as a server's worker makes it, from the environment."""

from __future__ import annotations

import uuid
from typing import Any

from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import create_app
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.settings import Settings


def database(settings: Settings) -> Database:
    """Of the application's role: every session is of one organization."""
    return Database(
        settings.database,
        replicas=settings.replicas,
        tenant_type=uuid.UUID,
        setting=SETTING,
        application="tenfold hub",
    )


def application() -> Any:
    settings = Settings.from_environment()
    return create_app(database(settings), Cursors(settings.key))
