"""The audit log, kept answers, organizations, their keys and their people"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.schema("foundation", "identity")
    # Whoever could change a slug would be told which ones others have.
    changed = "name, settings, version, updated_at"
    step.isolate("identity", ["organizations"], column="id", rights=f"SELECT, UPDATE ({changed})")
    step.isolate("identity", ["api_keys", "people"])
    step.schema("foundation", "hub")
    step.isolate("hub", ["audit_entries"], rights="SELECT, INSERT")
    step.isolate("hub", ["audit_entries_rest"], rights="")
    step.isolate("hub", ["idempotency_keys"])
