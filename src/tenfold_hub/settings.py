"""What a hub is told when it starts: by options of the command line, or by the environment."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

import msgspec

from tenfold.errors import UsageError

PREFIX = "TENFOLD_HUB_"

#: What is kept so long where nothing else is said.
UNDO_DAYS, AUDIT_MONTHS = 90, 24


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one process."""

    #: The connection string of the application's role, which policies bind.
    database: str
    replicas: tuple[str, ...] = ()
    redis: str = ""
    #: Processes that serve side by side.
    workers: int = 1
    #: 32 random bytes or more, in hexadecimal: signs cursors, and encrypts what is secret at rest.
    secret: str = ""
    #: Connection strings of the roles that dispatch and that prune: where they are missing, nobody does.
    dispatcher: str = ""
    maintenance: str = ""
    #: Networks besides the public ones that webhooks may be of, such as 10.0.0.0/8.
    webhook_networks: tuple[str, ...] = ()
    #: Serve this domain alone, and ask the hub at this address for what is identity's.
    only: str = ""
    identity: str = ""
    #: Requests that an organization may send in so many seconds: 6000/60. Empty: as many as it likes.
    rate: str = ""
    #: Proxies besides those on this machine: addresses or networks whose X-Forwarded-For is believed.
    proxies: tuple[str, ...] = ()
    #: How long a merge can be undone: what it changed is kept so long.
    undo_days: int = UNDO_DAYS
    #: Months of the audit log that are kept; 0: all.
    audit_months: int = AUDIT_MONTHS

    def __post_init__(self) -> None:
        for each in self.proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError as error:
                raise UsageError(f"a proxy is an address or a network, such as 10.0.0.0/8: {error}") from None
        if not 1 <= self.undo_days <= 3_650:
            raise UsageError("a merge can be undone for 1 to 3,650 days")
        if self.audit_months and not 3 <= self.audit_months <= 1_200:
            raise UsageError("the audit log is kept for 3 to 1,200 months, or, with 0, for good")
        if bool(self.only) != bool(self.identity):
            raise UsageError("a domain is served alone with --only and --identity, the address of the hub")
        try:
            enough = len(bytes.fromhex(self.secret)) >= 32
        except ValueError:
            enough = False
        if not enough:
            raise UsageError(
                "the secret of a hub is at least 32 random bytes in hexadecimal,"
                f" in {PREFIX}SECRET; make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
            )

    @property
    def key(self) -> bytes:
        return bytes.fromhex(self.secret)

    def environment(self) -> dict[str, str]:
        """What hands these settings to another process."""
        return {
            f"{PREFIX}DATABASE": self.database,
            f"{PREFIX}REPLICAS": "\n".join(self.replicas),
            f"{PREFIX}REDIS": self.redis,
            f"{PREFIX}WORKERS": str(self.workers),
            f"{PREFIX}SECRET": self.secret,
            f"{PREFIX}DISPATCHER": self.dispatcher,
            f"{PREFIX}MAINTENANCE": self.maintenance,
            f"{PREFIX}WEBHOOK_NETWORKS": " ".join(self.webhook_networks),
            f"{PREFIX}ONLY": self.only,
            f"{PREFIX}IDENTITY": self.identity,
            f"{PREFIX}RATE": self.rate,
            f"{PREFIX}PROXIES": " ".join(self.proxies),
            f"{PREFIX}UNDO_DAYS": "" if self.undo_days == UNDO_DAYS else str(self.undo_days),
            f"{PREFIX}AUDIT_MONTHS": "" if self.audit_months == AUDIT_MONTHS else str(self.audit_months),
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises UsageError for what is missing."""
        if not environment.get(f"{PREFIX}DATABASE"):
            raise UsageError(f"{PREFIX}DATABASE is not set; it is the DSN of the hub's application role")
        return cls(
            database=environment[f"{PREFIX}DATABASE"],
            replicas=tuple(filter(None, environment.get(f"{PREFIX}REPLICAS", "").split("\n"))),
            redis=environment.get(f"{PREFIX}REDIS", ""),
            workers=int(environment.get(f"{PREFIX}WORKERS", "1")),
            secret=environment.get(f"{PREFIX}SECRET", ""),
            dispatcher=environment.get(f"{PREFIX}DISPATCHER", ""),
            maintenance=environment.get(f"{PREFIX}MAINTENANCE", ""),
            webhook_networks=tuple(environment.get(f"{PREFIX}WEBHOOK_NETWORKS", "").split()),
            only=environment.get(f"{PREFIX}ONLY", ""),
            identity=environment.get(f"{PREFIX}IDENTITY", ""),
            rate=environment.get(f"{PREFIX}RATE", ""),
            proxies=tuple(environment.get(f"{PREFIX}PROXIES", "").split()),
            undo_days=_number(environment, "UNDO_DAYS", UNDO_DAYS),
            audit_months=_number(environment, "AUDIT_MONTHS", AUDIT_MONTHS),
        )


def _number(environment: Mapping[str, str], name: str, usual: int) -> int:
    told = environment.get(f"{PREFIX}{name}", "") or str(usual)
    if not told.isdecimal():
        raise UsageError(f"{PREFIX}{name} is a number")
    return int(told)
