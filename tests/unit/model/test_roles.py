from __future__ import annotations

from typing import Any

import pytest

from tenfold.model.roles import Grant, Role, parse_acl_item


@pytest.mark.parametrize(
    ("item", "grant"),
    [
        ("app=arw/owner", Grant("app", "arw", "owner")),
        ("=r/owner", Grant(None, "r", "owner")),
        ("app=/owner", Grant("app", "", "owner")),
        ("app=a*r*w/owner", Grant("app", "arw", "owner")),
        ('"the app"=r/"the owner"', Grant("the app", "r", "the owner")),
        ('"say ""hi"""=r/owner', Grant('say "hi"', "r", "owner")),
        ('"a=b/c"=r/"d=e/f"', Grant("a=b/c", "r", "d=e/f")),
        ('""""=r/""""', Grant('"', "r", '"')),
        ("größe=r/owner", Grant("größe", "r", "owner")),
    ],
)
def test_an_acl_item_is_taken_apart(item: str, grant: Grant) -> None:
    assert parse_acl_item(item) == grant


def role(*settings: str) -> Role:
    flags: dict[str, Any] = dict.fromkeys(
        ("superuser", "bypass_rls", "can_login", "inherit", "create_role", "create_db", "replication"), False
    )
    return Role(oid=1, name="app", settings=settings or None, **flags)


def test_a_setting_of_this_database_prevails() -> None:
    assert role("statement_timeout=1s", "statement_timeout=5s").setting("statement_timeout") == "5s"


def test_a_setting_is_found_whatever_its_case_and_holds_what_follows_the_first_sign() -> None:
    assert role("TimeZone=UTC").setting("timezone") == "UTC"
    assert role("app.filter=a=b").setting("app.filter") == "a=b"
    assert role("search_path=").setting("search_path") == ""


def test_a_setting_that_is_not_there_is_none() -> None:
    assert role("statement_timeout=1s").setting("lock_timeout") is None
    assert role().setting("lock_timeout") is None
