"""What is proposed for a foreign key across tenants, by version."""

from __future__ import annotations

import pytest

from tenfold.model.remedy import AddForeignKey, CreateIndex
from tenfold.model.remedy_sql import statements
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy import tenant_fk_cross
from tests.unit.rules.build import column, constraint, server, subject, table

TENANCY = Tenancy(
    column="team_id",
    tables=(TableTenancy(1, "tenant", "", "team_id"), TableTenancy(2, "tenant", "", "team_id")),
)


def made(version: int, *, on_delete: str = "a", tenant_not_null: bool = True, deferral: str = "") -> Subject:
    return subject(
        tenancy=TENANCY,
        server=server(version_number=version),
        relations=(table(1, "messages"), table(2, "leads")),
        columns=(
            column(1, 1, "team_id", not_null=tenant_not_null),
            column(1, 2, "lead_id"),
            column(2, 1, "team_id"),
            column(2, 2, "id"),
        ),
        constraints=(
            constraint(
                1, "f", 2, name="lead", foreign_relation=2, foreign_columns=(2,), on_delete=on_delete,
                on_update="a", match="s", deferrable=bool(deferral),
                definition=f"FOREIGN KEY (lead_id) REFERENCES leads(id){deferral} NOT VALID",
            ),
        ),
    )  # fmt: skip


def test_the_unique_index_comes_before_the_key_and_the_old_key_is_left_to_its_owner() -> None:
    (finding,) = tenant_fk_cross.check(made(180_000))
    unique, composite = finding.remedies
    assert isinstance(unique, CreateIndex) and unique.unique
    assert isinstance(composite, AddForeignKey)
    assert composite.columns == ("team_id", "lead_id")
    assert composite.parent_columns == ("team_id", "id")
    assert finding.advice == ("ALTER TABLE public.messages DROP CONSTRAINT lead",)


def test_the_old_key_stays_where_the_tenant_may_be_null() -> None:
    (finding,) = tenant_fk_cross.check(made(180_000, tenant_not_null=False))
    assert len(finding.remedies) == 2
    assert finding.advice == ()


@pytest.mark.parametrize(("action", "spelt"), [("n", "SET NULL"), ("d", "SET DEFAULT")])
def test_an_action_that_clears_names_its_column_where_the_server_can(action: str, spelt: str) -> None:
    (finding,) = tenant_fk_cross.check(made(150_000, on_delete=action))
    composite = finding.remedies[-1]
    assert isinstance(composite, AddForeignKey)
    assert composite.on_delete == f"{spelt} (lead_id)"
    (older,) = tenant_fk_cross.check(made(140_000, on_delete=action))
    assert older.remedies == ()


@pytest.mark.parametrize("deferral", ["", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"])
def test_the_key_is_checked_no_earlier_than_the_old_one(deferral: str) -> None:
    (finding,) = tenant_fk_cross.check(made(180_000, deferral=deferral))
    composite = finding.remedies[-1]
    assert isinstance(composite, AddForeignKey)
    declared, _ = statements(composite)
    assert declared.endswith(f"REFERENCES public.leads (team_id, id){deferral} NOT VALID")
