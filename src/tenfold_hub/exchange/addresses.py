"""Where a webhook may be sent: to addresses of the public internet, unless the operator allows others."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from tenfold.errors import TenfoldError

LONGEST_URL = 2_000

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

#: IPv6 addresses that carry an IPv4 address which is the one that counts: RFC 6052 and 3056.
_NAT64, _6TO4 = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")


class AddressError(TenfoldError):
    """Nothing is sent there."""


class Addresses:
    """`allowed` are networks besides the public ones: "127.0.0.0/8". Raises ValueError for what is none."""

    def __init__(self, allowed: Sequence[str] = (), resolve: Resolve | None = None) -> None:
        self._allowed: list[_Network] = [ipaddress.ip_network(each) for each in allowed]
        self._resolve = resolve or _resolved

    def require(self, url: str) -> None:
        """Without asking anybody for addresses. Raises AddressError, which says what is wrong."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise AddressError("this is no URL") from None
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise AddressError(f"a URL has at most {LONGEST_URL} printable ASCII characters")
        if not host or parts.scheme not in ("http", "https"):
            raise AddressError("the URL is one of https://")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise AddressError("the URL holds no credentials and no fragment")
        literal = _literal(host)
        if literal is not None and not self._open(literal):
            raise AddressError("the URL is of an address that is not public")
        if parts.scheme == "http" and not self._allowed:
            raise AddressError("the URL is one of https://")

    async def of(self, host: str, port: int) -> str:
        """An address of the host to connect to; all that it has were looked at. Raises AddressError."""
        literal = _literal(host)
        if literal is not None:
            found = [str(literal)]
        else:
            try:
                found = list(await self._resolve(host, port))
            except OSError:
                raise AddressError("the host has no address") from None
        if not found:
            raise AddressError("the host has no address")
        if not all(self._open(ipaddress.ip_address(each.partition("%")[0])) for each in found):
            raise AddressError("the host has an address that is not public")
        return found[0]

    def _open(self, address: _Address) -> bool:
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        if isinstance(address, ipaddress.IPv6Address):
            carried = address.ipv4_mapped
            if address in _NAT64:
                carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            elif address in _6TO4:
                carried = ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
            if carried is not None:
                return self._open(carried)
        return address.is_global and not address.is_multicast


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # 127.1, 0x7f.1 and 2130706433 are addresses, too, for those who connect.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
