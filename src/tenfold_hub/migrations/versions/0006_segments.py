"""Segments and their members, saved searches"""

from __future__ import annotations

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold_hub.migrations.step import Step

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    "segments",
    "segment_picks",
    "segment_members",
    "segment_dues",
    "segment_counts",
    "segment_revisions",
    "saved_searches",
)


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.run("segments", "segments")
    step.isolate("crm", _TABLES)
    _maintained(step)


def _maintained(step: Step) -> None:
    """Whoever wakes organizations sees which of them have something to be done, and nothing else."""
    role = quoted_name(step.roles.maintenance)
    step.execute(f"GRANT USAGE ON SCHEMA crm TO {role}")
    for table, column in (("segments", "state"), ("segment_dues", "due_at")):
        name = quoted_name("crm", table)
        step.execute(f"GRANT SELECT (organization_id, {column}) ON {name} TO {role}")
        step.execute(f"CREATE POLICY maintains ON {name} FOR SELECT TO {role} USING (true)")
