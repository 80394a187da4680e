"""A redacted snapshot's twin plans by made-up values: what asks for a tenant's rows has the same plan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenfold.catalog.redact import redact_snapshot
from tenfold.model.config import TenancyConfig
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.tenancy.detect import find_tenancy
from tenfold.twin.parameters import largest_tenant, sample_parameters
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin
from tests.db.twin.conftest import Source

#: As an application asks: for rows of one tenant, with values of every kind of column.
STATEMENTS = (
    "SELECT * FROM leads WHERE team_id = $1",
    "SELECT * FROM leads WHERE team_id = $1 ORDER BY created_at DESC NULLS LAST LIMIT $2",
    "SELECT * FROM leads WHERE team_id = $1 AND id = $2",
    "SELECT count(*) FROM leads WHERE team_id = $1 AND created_at > $2",
    "SELECT * FROM leads WHERE team_id = $1 AND status = $2",
    "SELECT * FROM leads WHERE team_id = $1 AND full_name = $2",
    "SELECT * FROM leads l JOIN teams t ON t.id = l.team_id WHERE l.team_id = $1",
    "SELECT * FROM events WHERE team_id = $1",
    "SELECT kind, count(*) FROM events WHERE team_id = $1 GROUP BY kind",
)


@pytest.fixture(scope="module")
def redacted(rich: Source) -> Snapshot:
    return redact_snapshot(rich.snapshot)


@pytest.fixture(scope="module")
def scale(redacted: Snapshot) -> Iterator[Scale]:
    with Twin(redacted) as twin:
        yield twin.scale()


@pytest.fixture(scope="module")
def tenancy(rich: Source) -> Tenancy:
    return find_tenancy(rich.snapshot, TenancyConfig(columns=("team_id",)))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_tenants_query_has_the_plan_that_it_has_with_values(
    rich: Source, twin_of_rich: Scale, redacted: Snapshot, scale: Scale, tenancy: Tenancy, statement: str
) -> None:
    plans = []
    for snapshot, of in ((rich.snapshot, twin_of_rich), (redacted, scale)):
        tenant = largest_tenant(snapshot, tenancy)
        parameters = sample_parameters(snapshot, tenancy, statement, tenant)
        assert parameters is not None
        plans.append(of.explain(statement, parameters))
    with_values, without = plans
    assert without.shape == with_values.shape
    assert without.cost == pytest.approx(with_values.cost, rel=0.1)


def test_the_server_takes_what_was_made_up(scale: Scale) -> None:
    """But for domains whose checks a made-up value does not pass."""
    assert scale.refused_statistics == ["public.leads.email", "public.leads.score"]


def test_a_setting_that_is_not_told_is_not_set(scale: Scale) -> None:
    assert scale.explain("SELECT * FROM leads", role="Rich Reader").root.filter is None
