"""Contacts and companies"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.schema("crm", "crm")
    step.isolate("crm", ["companies", "contacts"])
