"""The outbox, webhooks, imports and exports"""

from __future__ import annotations

import uuid

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold.runtime.outbox import create_sql
from tenfold_hub.migrations.step import Step
from tenfold_hub.migrations.table import SETTING

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OLD = ("webhook_secrets", "deliveries", "imports", "exports")


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    for statement in create_sql(
        application_role=step.roles.application,
        dispatcher_role=step.roles.dispatcher,
        tenant_column="organization_id",
        tenant_type=uuid.UUID,
        setting=SETTING,
    ):
        # The driver takes a single % for a parameter's place.
        step.execute(statement.replace("%", "%%"))
    step.schema("exchange", "exchange")
    step.isolate(
        "exchange",
        ["webhooks", "webhook_secrets", "deliveries", "imports", "import_chunks", "exports", "export_parts"],
    )
    step.isolate("exchange", ["import_failures"], rights="SELECT, INSERT")
    step.run("exchange", "partitions")
    _maintained(step)


def _maintained(step: Step) -> None:
    """Whoever prunes sees of each organization what has grown old, and nothing else."""
    role = quoted_name(step.roles.maintenance)
    step.execute(f"GRANT USAGE ON SCHEMA hub, exchange, identity TO {role}")
    step.execute(f"GRANT EXECUTE ON FUNCTION hub.make_audit_partitions(integer) TO {role}")
    step.execute(f"GRANT SELECT (id) ON identity.organizations TO {role}")
    step.execute(f"CREATE POLICY maintains ON identity.organizations FOR SELECT TO {role} USING (true)")
    aged = {("hub", "idempotency_keys"): "created_at, credential_id, route, key"}
    aged |= {("exchange", table): "created_at, id" for table in _OLD}
    aged["exchange", "webhook_secrets"] = "expires_at, webhook_id, id"
    aged["exchange", "deliveries"] = "created_at, id, status"
    for (schema, table), columns in aged.items():
        name = quoted_name(schema, table)
        step.execute(f"GRANT SELECT (organization_id, {columns}), DELETE ON {name} TO {role}")
        step.execute(f"CREATE POLICY maintains ON {name} TO {role} USING (true)")
