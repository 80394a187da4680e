"""Custom fields, object definitions, records and associations"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.schema("objects", "objects")
    step.isolate("objects", ["definitions", "fields", "revisions", "text_values", "number_values"])
    step.isolate("objects", ["records", "association_types", "associations"])
