"""Two different things never share a name, and one thing has one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import CacheKeyError, InvalidTenantError, NamespaceError
from tenfold.runtime.cache.keys import Names, lease_name, word

UUID = uuid.UUID("7f1ad0a4-7f0c-4c1c-8f6e-6b1f4f7d0c11")

parts = st.one_of(st.text(min_size=1, max_size=8), st.integers(), st.uuids()).filter(
    lambda part: not isinstance(part, str) or part.isprintable()
)
keys = st.one_of(parts, st.lists(parts, min_size=1, max_size=3).map(tuple))
tenants = st.one_of(st.integers(-(2**63), 2**63 - 1), st.uuids())
words = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)


def meant(key: object) -> object:
    return tuple(map(str, key)) if isinstance(key, tuple) else str(key)


@given(words, words, tenants, tenants, keys, keys)
def test_names_are_equal_where_namespace_tenant_and_key_are(
    one: str, two: str, tenant: object, other: object, key: object, another: object
) -> None:
    first, second = Names("app", one, tenant).value(key), Names("app", two, other).value(another)
    same = (one, str(tenant), meant(key)) == (two, str(other), meant(another))
    assert (first == second) == same


@given(words, tenants, keys, words)
def test_values_leases_scopes_and_tags_never_meet(space: str, tenant: object, key: object, tag: str) -> None:
    names = Names("app", space, tenant)
    assert len({names.value(key), lease_name(names.value(key)), names.scope, names.tag(tag)}) == 4


def test_a_key_that_looks_like_a_lease_gives_no_lease_of_another() -> None:
    names = Names("app", "user", 1)
    assert lease_name(names.value(":v:")) == "app:l:{1}:user:=:v:"


def test_parts_of_a_tuple_cannot_be_shifted() -> None:
    names = Names("app", "user", 1)
    assert names.value(("a:b", "c")) != names.value(("a", "b:c"))
    assert names.value(("ab", "c")) != names.value(("a", "bc")) != names.value(("abc",))
    assert names.value(("1.a", "b")) != names.value(("1", "a", "b"))
    assert names.value(("a",)) != names.value("+1.a")


def test_an_id_and_its_text_are_one_key() -> None:
    names = Names("app", "user", UUID)
    assert names.value(7) == names.value("7")
    assert names.value(UUID) == names.value(str(UUID))


def test_the_tenant_stands_in_every_name() -> None:
    names = Names("app", "user", UUID)
    for name in (names.value("k"), names.scope, names.tag("t"), lease_name(names.value("k"))):
        assert f"{{{UUID}}}" in name


def test_the_digest_hides_the_key_and_depends_on_its_secret() -> None:
    hidden = Names("app", "session", None, b"").value("secret-token")
    assert "secret" not in hidden
    assert hidden != Names("app", "session", None, b"other").value("secret-token")


@pytest.mark.parametrize(
    "key", [None, True, 1.0, b"k", [], {}, (), ("a", None), ("a", ("b",)), "\ud800", "x" * 2000]
)
def test_what_is_no_key_is_refused_without_repeating_it(key: object) -> None:
    with pytest.raises(CacheKeyError) as raised:
        Names("app", "user", 1).value(key)
    assert "xxx" not in raised.value.message


@pytest.mark.parametrize("tenant", ["1", str(UUID), True, 1.0, b"1", 2**63, object()])
def test_what_is_no_tenant_is_refused(tenant: object) -> None:
    with pytest.raises(InvalidTenantError):
        Names("app", "user", tenant)


@pytest.mark.parametrize("text", ["", "a b", "a:b", "{a}", "a*", "x" * 65, "a\n", None])
def test_a_word_cannot_carry_what_separates_names(text: object) -> None:
    with pytest.raises(NamespaceError):
        word(text, "this")


@pytest.mark.parametrize("tag", ["", None, 1, "\ud800", "x" * 2000])
def test_what_is_no_tag_is_refused(tag: object) -> None:
    with pytest.raises(CacheKeyError):
        Names("app", "user", 1).tag(tag)
