"""Segments and their members, saved searches"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
