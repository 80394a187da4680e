"""Nothing is sent to an address that is not public, however it is written and whoever resolves to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tenfold_hub.exchange.addresses import AddressError, Addresses


def resolving(*found: str) -> Addresses:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return found

    return Addresses(resolve=resolve)


async def test_a_host_is_connected_to_at_an_address_that_was_looked_at() -> None:
    assert await resolving("93.184.216.34").of("example.com", 443) == "93.184.216.34"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:192.168.1.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ],
)
async def test_a_host_with_one_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match="not public"):
        await resolving("93.184.216.34", address).of("example.com", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
async def test_addresses_in_other_notations_are_addresses(host: str) -> None:
    with pytest.raises(AddressError, match="not public"):
        Addresses().require(f"https://{host}/")
    with pytest.raises(AddressError, match="not public"):
        await Addresses().of(host, 443)


def test_http_is_for_those_who_allow_networks_of_their_own() -> None:
    with pytest.raises(AddressError, match="https"):
        Addresses().require("http://example.com/")
    Addresses(["10.0.0.0/8"]).require("http://10.1.1.1/")
    with pytest.raises(AddressError, match="not public"):
        Addresses(["10.0.0.0/8"]).require("http://192.168.1.1/")
