"""What is exchanged with the world, as a part of a hub."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence

from tenfold.runtime import Session
from tenfold.runtime.outbox import Outbox
from tenfold_hub.crm import api as crm
from tenfold_hub.exchange import export_routes, import_routes, webhook_routes
from tenfold_hub.exchange.addresses import Addresses
from tenfold_hub.exchange.background import Background
from tenfold_hub.exchange.delivering import Deliverer, FanOut, wake
from tenfold_hub.exchange.exporting import Exporting
from tenfold_hub.exchange.exports import EXPORTS
from tenfold_hub.exchange.importing import Importing
from tenfold_hub.exchange.imports import IMPORTS
from tenfold_hub.exchange.jobs import Jobs, Work
from tenfold_hub.exchange.publishing import Changes
from tenfold_hub.exchange.sealing import Seal
from tenfold_hub.exchange.vault import Vault
from tenfold_hub.exchange.webhooks import DELIVERIES, WEBHOOKS, checked
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Follow


def join(platform: Platform) -> None:
    settings = platform.settings
    key = settings.key if settings else secrets.token_bytes(32)
    addresses = Addresses(settings.webhook_networks if settings else ())
    outbox, changes = publish(platform)

    vault = Vault(Seal(key))
    webhooks, sent = platform.add(WEBHOOKS), platform.add(DELIVERIES)
    webhooks.prepare.append(checked(addresses))
    webhooks.follow.append(_woken(outbox))
    platform.route(webhook_routes.handlers(webhooks, sent, vault, outbox))

    imports = platform.add(IMPORTS)
    importing = Importing(imports, platform.records, crm.of(platform).tagging)
    exports = platform.add(EXPORTS)
    exporting = Exporting(exports, platform.records, platform.cursors, platform.expander)
    work: dict[str, Work] = {import_routes.KIND: importing, export_routes.KIND: exporting}
    jobs = Jobs(platform.db, outbox, work)
    platform.route(export_routes.ExportRoutes(exports, platform.records, exporting, jobs).handlers())
    platform.route(import_routes.ImportRoutes(imports, platform.records, importing, jobs).handlers())

    platform.services["background"] = Background(
        outbox=outbox,
        changes=changes,
        fan_out=FanOut(platform.db, outbox),
        deliverer=Deliverer(platform.db, outbox, vault, addresses),
        jobs=jobs,
    )


def publish(platform: Platform) -> tuple[Outbox, Changes]:
    """Has the hub tell of its changes: all that a process does of this that serves one domain alone."""
    outbox = Outbox(platform.db, tenant_column="organization_id")
    changes = Changes(outbox, platform.consumers)
    platform.journal.publish_by(changes)
    return outbox, changes


def _woken(outbox: Outbox) -> Follow:
    """What waited for a webhook that was not active goes out, or is given up with it."""

    async def follow(session: Session, _: Principal, changes: Sequence[Change]) -> None:
        changed: set[uuid.UUID] = {change.id for change in changes if change.before is not None}
        if changed:
            await wake(session, outbox, changed)

    return follow
