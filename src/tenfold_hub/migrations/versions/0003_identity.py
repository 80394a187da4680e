"""Users, memberships, teams, sessions, identities, merges"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
