"""Products, orders, customers, refunds"""

from __future__ import annotations

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold_hub.commerce.summary import READS
from tenfold_hub.migrations.step import Step

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WRITTEN = ("products", "customers", "orders", "order_items", "customer_statistics")
_ADDED = ("order_history", "refunds", "refund_items")
_SUMMARY = ("customer_crm_summary", "summary_refreshes")


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
    """The role that refreshes the summary does so in sessions of one organization, as policies bind it."""
    step.run("commerce", "summary")
    step.isolate("commerce", _SUMMARY, rights="SELECT")
    role = quoted_name(step.roles.maintenance)
    for table in _SUMMARY:
        name = quoted_name("commerce", table)
        step.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {role}")
    for (schema, table), columns in READS.items():
        name = quoted_name(schema, table)
        step.execute(f"GRANT USAGE ON SCHEMA {quoted_name(schema)} TO {role}")
        step.execute(f"GRANT SELECT ({', '.join(map(quoted_name, columns))}) ON {name} TO {role}")
    # It sees of all organizations when they were refreshed, and nothing else.
    refreshes = quoted_name("commerce", "summary_refreshes")
    step.execute(f"CREATE POLICY maintains ON {refreshes} FOR SELECT TO {role} USING (true)")
