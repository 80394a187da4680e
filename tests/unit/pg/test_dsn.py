from __future__ import annotations

import pytest

from tenfold.errors import SourceError
from tenfold.pg.dsn import check, normalise

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("pasted", "taken"),
    [
        ("postgresql+asyncpg://app@db/shop", "postgresql://app@db/shop"),
        ("POSTGRES+psycopg2://app@db/shop", "postgresql://app@db/shop"),
        (" postgres://app@db/shop\n", "postgres://app@db/shop"),
        ("postgresql://db/shop?schema=public&sslmode=require", "postgresql://db/shop?sslmode=require"),
        ("postgresql://db/shop?pgbouncer=true&connection_limit=5", "postgresql://db/shop"),
        ("postgresql://db/shop?options=-c%20work_mem=1MB", "postgresql://db/shop?options=-c%20work_mem=1MB"),
        ("host=db schema=public", "host=db schema=public"),
        ("service=shop", "service=shop"),
        ("", ""),
    ],
)
def test_what_only_a_framework_understands_is_taken_off(pasted: str, taken: str) -> None:
    assert normalise(pasted) == taken


def test_a_dsn_is_told_by_libpqs_names() -> None:
    assert check("postgresql://app@db:5433/shop") == {
        "user": "app",
        "host": "db",
        "port": "5433",
        "dbname": "shop",
    }
    assert check("host=/run/postgresql,db port=5432,5433") == {
        "host": "/run/postgresql,db",
        "port": "5432,5433",
    }
    assert check("host=@abstract dbname=shop")["host"] == "@abstract"
    assert check("") == {}


@pytest.mark.parametrize(
    "source",
    [
        f"mysql://root:{SECRET}@db/shop",
        f"postgresql://app:%zz{SECRET}@db/shop",
        f"postgresql://app:x@{SECRET}@db/shop",
        f"postgresql://app:x/{SECRET}@db/shop",
        f"postgresql://app:{SECRET}/x@db/shop",
        f"postgresql://app:x[{SECRET}@[::1/shop",
        f"host=db password=x {SECRET}",
        f"host=db password=x {SECRET}=1",
        f"host=db password='x{SECRET}",
        f"postgresql://app:x@db/shop?{SECRET}=1",
        f"postgresql://app:x@db/shop?passwordd={SECRET}",
    ],
)
def test_a_malformed_dsn_is_refused_in_one_line_without_its_password(source: str) -> None:
    with pytest.raises(SourceError) as caught:
        check(source)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_key_is_named_where_no_password_can_be_meant() -> None:
    with pytest.raises(SourceError, match='invalid connection option "hostt"; give postgresql://'):
        check("hostt=db dbname=shop")


@pytest.mark.parametrize("password", ["p@ss", "p/ss", "p%ss"])
def test_a_password_that_is_not_encoded_is_explained(password: str) -> None:
    with pytest.raises(SourceError, match=r"in a password, write %40 for @, %2F for /"):
        check(f"postgresql://app:{password}@db/shop")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(SourceError, match="bytes that are no text"):
        check("host=db\udce4")
