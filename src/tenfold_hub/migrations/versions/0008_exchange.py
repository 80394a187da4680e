"""The outbox, webhooks, imports and exports"""

from __future__ import annotations

import uuid

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold.runtime.outbox import create_sql
from tenfold_hub.migrations.step import Step
from tenfold_hub.migrations.table import SETTING, own_rows

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


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
    _published_alone(step)


def _published_alone(step: Step) -> None:
    """A process that serves commerce alone tells of its changes as the application does."""
    role = quoted_name(step.roles.commerce)
    step.execute(f"GRANT USAGE ON SCHEMA outbox TO {role}")
    step.execute(f"GRANT INSERT (event, organization_id, topic, key, payload) ON outbox.events TO {role}")
    step.execute(
        f"CREATE POLICY of_tenant_alone ON outbox.events FOR INSERT TO {role} WITH CHECK ({own_rows()})"
    )


def _maintained(step: Step) -> None:
    """Whoever prunes sees of each organization what has grown old, and nothing else."""
    role = quoted_name(step.roles.maintenance)
    step.execute(f"GRANT USAGE ON SCHEMA hub, exchange, identity TO {role}")
    for function in ("make_audit_partitions", "drop_audit_partitions"):
        step.execute(f"GRANT EXECUTE ON FUNCTION hub.{function}(integer) TO {role}")
    step.execute(f"GRANT SELECT (id) ON identity.organizations TO {role}")
    step.execute(f"CREATE POLICY maintains ON identity.organizations FOR SELECT TO {role} USING (true)")
    aged = {("hub", "idempotency_keys"): "created_at, credential_id, route, key"}
    aged |= {
        ("exchange", "deliveries"): "created_at, id, status",
        ("exchange", "webhook_secrets"): "expires_at, webhook_id, id",
        ("exchange", "imports"): "created_at, id, status",
        ("exchange", "exports"): "created_at, id, expires_at",
        ("exchange", "export_parts"): "export_id",
        ("identity", "merge_images"): "keep_until, merge_id, step, place",
        ("identity", "sessions"): "created_at, id",
        ("identity", "invites"): "created_at, id",
        ("hub", "audit_entries_rest"): "at, id",
    }
    for (schema, table), columns in aged.items():
        name = quoted_name(schema, table)
        step.execute(f"GRANT SELECT (organization_id, {columns}), DELETE ON {name} TO {role}")
        step.execute(f"CREATE POLICY maintains ON {name} TO {role} USING (true)")
