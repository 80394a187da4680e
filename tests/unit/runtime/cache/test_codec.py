"""Bytes are read back as the declared type, under the name they were written for, or not at all."""

from __future__ import annotations

import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import CodecError
from tenfold.runtime.cache import EncryptingCodec, MsgspecCodec
from tenfold.runtime.cache.codec import seal, unseal
from tests.unit.runtime.cache.build import User

KEY, OLD_KEY = os.urandom(32), os.urandom(32)
ADA = User("Ada", 1)


@pytest.mark.parametrize("codec", [MsgspecCodec(User), EncryptingCodec(User, [KEY])])
def test_a_value_comes_back_as_its_type(codec: MsgspecCodec | EncryptingCodec) -> None:
    assert codec.decode(codec.encode(ADA, "name"), "name") == ADA


@pytest.mark.parametrize("codec", [MsgspecCodec(User), EncryptingCodec(User, [KEY])])
@given(garbage=st.binary(max_size=200))
def test_garbage_is_refused_and_not_executed(codec: MsgspecCodec | EncryptingCodec, garbage: bytes) -> None:
    for data in (garbage, pickle.dumps(ADA) + garbage):
        with pytest.raises(CodecError):
            codec.decode(data, "name")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CodecError):
        MsgspecCodec(object).decode(b"\x91" * 100_000, "name")


def test_what_cannot_be_encoded_is_named_by_its_type_only() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "secret"

    with pytest.raises(CodecError, match="Odd") as raised:
        MsgspecCodec(User).encode(Odd(), "name")
    assert "secret" not in str(raised.value)


def test_an_encrypted_value_shows_nothing_and_is_never_twice_the_same() -> None:
    codec = EncryptingCodec(User, [KEY])
    assert b"Ada" not in codec.encode(ADA, "name")
    assert codec.encode(ADA, "name") != codec.encode(ADA, "name")


def test_an_encrypted_value_is_bound_to_its_name() -> None:
    codec = EncryptingCodec(User, [KEY])
    with pytest.raises(CodecError, match="another name"):
        codec.decode(codec.encode(ADA, "app:v:{1}:user:=k"), "app:v:{2}:user:=k")


def test_a_changed_bit_is_noticed() -> None:
    codec = EncryptingCodec(User, [KEY])
    data = bytearray(codec.encode(ADA, "name"))
    data[-1] ^= 1
    with pytest.raises(CodecError, match="changed"):
        codec.decode(bytes(data), "name")


@pytest.mark.parametrize("length", [0, 3, 4, 7, 15, 16, 20])
def test_a_part_of_a_value_is_none(length: int) -> None:
    codec = EncryptingCodec(User, [KEY])
    with pytest.raises(CodecError):
        codec.decode(codec.encode(ADA, "name")[:length], "name")


def test_keys_rotate() -> None:
    old = EncryptingCodec(User, [OLD_KEY]).encode(ADA, "name")
    both = EncryptingCodec(User, [KEY, OLD_KEY])
    assert both.decode(old, "name") == ADA
    with pytest.raises(CodecError, match="not among those given"):
        EncryptingCodec(User, [KEY]).decode(old, "name")
    assert EncryptingCodec(User, [KEY]).decode(both.encode(ADA, "name"), "name") == ADA


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b""]])
def test_keys_of_another_length_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(CodecError, match="32 bytes"):
        EncryptingCodec(User, keys)


def test_an_envelope_of_another_name_or_version_is_refused() -> None:
    sealed = seal(1, "name", {"scope": "token"}, b"body")
    assert unseal(sealed, 1, "name").body == b"body"
    for version, name in ((2, "name"), (1, "other")):
        with pytest.raises(CodecError):
            unseal(sealed, version, name)


@given(st.binary(max_size=200))
def test_garbage_is_no_envelope(garbage: bytes) -> None:
    with pytest.raises(CodecError):
        unseal(garbage, 1, "name")
