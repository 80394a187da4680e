"""The application as a server's worker makes it, from the environment."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Sequence
from typing import Any

from granian.utils.proxies import wrap_asgi_with_proxy_headers

from tenfold.runtime import Database, Observer
from tenfold.runtime.cache import Cache
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import create_app
from tenfold_hub.identity.domain import NAMESPACES
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.settings import Settings

#: A proxy on this machine is believed where a request is from.
_LOCAL = ("127.0.0.1", "::1")


def database(settings: Settings, observers: Sequence[Observer] = ()) -> Database:
    """Of the application's role: every session is of one organization."""
    return Database(
        settings.database,
        replicas=settings.replicas,
        tenant_type=uuid.UUID,
        setting=SETTING,
        application="tenfold hub",
        observers=observers,
    )


def application() -> Any:
    settings = Settings.from_environment()
    telemetry = Telemetry()
    db, cursors = database(settings, [telemetry]), Cursors(settings.key)
    app = create_app(db, cursors, telemetry, settings, cache(settings, [telemetry]))
    # All of it stays to the end of the process. To look through it for garbage takes a third of a second,
    # in which nobody is answered.
    gc.collect()
    gc.freeze()
    return _behind_proxies(app, settings.proxies)


def _behind_proxies(app: Any, proxies: Sequence[str]) -> Any:
    """Takes a trusted proxy's word for where a request is from; where there is none, it costs nothing."""
    believing = wrap_asgi_with_proxy_headers(app, [*_LOCAL, *proxies])

    def served(scope: Any, receive: Any, send: Any) -> Any:
        told = any(name == b"x-forwarded-for" for name, _ in scope.get("headers", ()))
        return (believing if told else app)(scope, receive, send)

    return served


def cache(settings: Settings, observers: Sequence[Observer] = ()) -> Cache | None:
    """None for one of several processes without Redis: none would hear what another one revoked."""
    if settings.workers > 1 and not settings.redis:
        return None
    return Cache(
        NAMESPACES,
        url=settings.redis or None,
        application="hub",
        entries=20_000,
        digest_key=settings.key[:64],
        observers=observers,
    )
