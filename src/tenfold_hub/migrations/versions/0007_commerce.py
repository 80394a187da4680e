"""Products, orders, customers, refunds"""

from __future__ import annotations

import uuid

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold_hub.commerce.summary import READS, SUMMARY
from tenfold_hub.migrations.step import Step
from tenfold_hub.migrations.table import SETTING

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WRITTEN = ("products", "customers", "orders", "order_items", "customer_statistics")
_ADDED = ("order_history", "refunds", "refund_items")


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.schema("commerce", "commerce")
    step.isolate("commerce", _WRITTEN)
    step.isolate("commerce", _ADDED, rights="SELECT, INSERT")
    _served_alone(step)
    _summarised(step)


def _served_alone(step: Step) -> None:
    """The role of a process that serves commerce alone: the same rights, and none on any other domain."""
    role = quoted_name(step.roles.commerce)
    step.execute(f"GRANT USAGE ON SCHEMA commerce, hub TO {role}")
    for table in _WRITTEN:
        step.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {quoted_name('commerce', table)} TO {role}")
    for table in _ADDED:
        step.execute(f"GRANT SELECT, INSERT ON {quoted_name('commerce', table)} TO {role}")
    step.execute(f"GRANT SELECT, INSERT ON hub.audit_entries TO {role}")
    step.execute(f"GRANT SELECT, INSERT, UPDATE ON hub.idempotency_keys TO {role}")


def _summarised(step: Step) -> None:
    """The role that refreshes the read model owns it, and sees of all organizations what it is made of."""
    role = quoted_name(step.roles.maintenance)
    for (schema, table), columns in READS.items():
        name = quoted_name(schema, table)
        step.execute(f"GRANT USAGE ON SCHEMA {quoted_name(schema)} TO {role}")
        step.execute(f"GRANT SELECT ({', '.join(map(quoted_name, columns))}) ON {name} TO {role}")
        step.execute(f"CREATE POLICY summarises ON {name} FOR SELECT TO {role} USING (true)")
    step.execute(f"CREATE SCHEMA IF NOT EXISTS tenfold_read_models AUTHORIZATION {role}")
    step.execute(f"GRANT CREATE ON SCHEMA commerce TO {role}")
    step.execute(f"SET LOCAL ROLE {role}")
    for statement in SUMMARY.install_sql(
        readers=[step.roles.application], setting=SETTING, tenant_type=uuid.UUID, with_data=False
    ):
        # The driver takes a single % for a parameter's place.
        step.execute(statement.replace("%", "%%"))
    step.execute(f"REFRESH MATERIALIZED VIEW {SUMMARY.names.stored}")
    step.execute("RESET ROLE")
    step.execute(f"REVOKE CREATE ON SCHEMA commerce FROM {role}")
