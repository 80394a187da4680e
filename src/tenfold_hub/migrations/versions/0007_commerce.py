"""Products, orders, customers, refunds"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.schema("commerce", "commerce")
    step.isolate("commerce", ["products", "customers", "orders"], rights="SELECT, INSERT, UPDATE, DELETE")
    step.isolate("commerce", ["order_items", "customer_statistics"])
    step.isolate("commerce", ["order_history", "refunds", "refund_items"], rights="SELECT, INSERT")
