"""The code that the preflight shows, run: each transaction works for the tenant that was set."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from tenfold.migrate.snippets import snippets

SETTING = "app.team_id"
ASK = f"SELECT current_setting('{SETTING}', true)"


def namespace(library: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(snippets(SETTING)[library], names)
    return names


def test_psycopg_sets_the_tenant_for_one_transaction(database: str) -> None:
    tenant = namespace("psycopg")["tenant"]
    with psycopg.connect(database, autocommit=True) as connection:
        with tenant(connection, 7) as inside:
            assert inside.execute(ASK).fetchone() == ("7",)
        assert connection.execute(ASK).fetchone() == ("",)
        with pytest.raises(psycopg.errors.DivisionByZero), tenant(connection, 8):
            connection.execute("SELECT 1 / 0")
        assert connection.execute(ASK).fetchone() == ("",)


def test_sqlalchemy_sets_the_tenant_in_every_transaction(database: str) -> None:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database), poolclass=sqlalchemy.NullPool
    )
    names = namespace("SQLAlchemy")
    try:
        names["current_tenant"].set("7")
        with Session(engine) as session:
            assert session.scalar(sqlalchemy.text(ASK)) == "7"
            session.commit()
            names["current_tenant"].set("8")
            assert session.scalar(sqlalchemy.text(ASK)) == "8"
    finally:
        sqlalchemy.event.remove(Session, "after_begin", names["set_tenant"])


def test_sqlalchemy_refuses_to_work_for_nobody(database: str) -> None:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database), poolclass=sqlalchemy.NullPool
    )
    names = namespace("SQLAlchemy")
    try:
        with Session(engine) as session, pytest.raises(LookupError):
            session.scalar(sqlalchemy.text(ASK))
    finally:
        sqlalchemy.event.remove(Session, "after_begin", names["set_tenant"])
