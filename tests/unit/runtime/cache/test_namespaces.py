"""Declarations that cannot hold are refused where they are made."""

from __future__ import annotations

import datetime
import enum
import os
import uuid
from typing import Annotated, Any, Literal

import msgspec
import pytest

from tenfold.errors import NamespaceError
from tenfold.runtime.cache import EncryptingCodec, MsgspecCodec, Namespace, preset
from tenfold.runtime.cache.namespaces import immutable
from tests.unit.runtime.cache.build import User

# The tables of seeds 003 and 004, in seconds.
LIFETIMES = {
    "organization": 300,
    "plan": 3600,
    "session": 900,
    "provider": 300,
    "suppression": 600,
    "usage": 60,
    "template": 300,
    "user": 1800,
    "list": 300,
    "trending": 3600,
    "counts": 7200,
}


@pytest.mark.parametrize(("name", "ttl"), LIFETIMES.items())
def test_presets_have_the_lifetimes_of_the_tables(name: str, ttl: int) -> None:
    declared = preset(name, User, codec=EncryptingCodec(User, [os.urandom(32)]))
    assert (declared.name, declared.ttl, declared.local_ttl) == (name, ttl, 300)


def test_a_preset_can_be_changed_and_renamed() -> None:
    declared = preset("user", User, name="member", negative_ttl=5)
    assert (declared.name, declared.ttl, declared.negative_ttl) == ("member", 1800, 5)


def test_an_unknown_preset_names_its_neighbour() -> None:
    with pytest.raises(NamespaceError, match="did you mean session"):
        preset("sesion", User)


@pytest.mark.parametrize("codec", [None, MsgspecCodec(User)])
def test_secrets_need_an_encrypting_codec(codec: MsgspecCodec | None) -> None:
    with pytest.raises(NamespaceError, match="EncryptingCodec"):
        preset("provider", User, codec=codec)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a:b"},
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": float("inf")},
        {"ttl": float("nan")},
        {"jitter": 1},
        {"jitter": -0.1},
        {"refresh_after": 0},
        {"refresh_after": 1},
        {"negative_ttl": -1},
        {"failure_ttl": -1},
        {"load_timeout": 0},
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(NamespaceError):
        Namespace(**{"name": "user", "type": User, "ttl": 60, **wrong})


class Colour(enum.Enum):
    RED = 1


class Thawed(msgspec.Struct):
    name: str


class Nested(msgspec.Struct, frozen=True):
    tags: list[str]


@pytest.mark.parametrize(
    "shared",
    [
        User,
        str,
        bool,
        int | None,
        tuple[int, ...],
        tuple[str, User],
        frozenset[int],
        Literal["a"],
        Annotated[str, msgspec.Meta(max_length=3)],
        Colour,
        uuid.UUID,
        datetime.datetime,
    ],
)
def test_readers_share_what_they_cannot_change(shared: Any) -> None:
    assert immutable(shared)


@pytest.mark.parametrize(
    "changeable", [dict, list[int], Thawed, Nested, Any, object, tuple[list[int]], set[int]]
)
def test_readers_share_nothing_that_they_could_change(changeable: Any) -> None:
    assert not immutable(changeable)
