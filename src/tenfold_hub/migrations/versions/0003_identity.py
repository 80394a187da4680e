"""Users, memberships, teams, sessions, identities, merges"""

from __future__ import annotations

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold_hub.migrations.step import Step

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.run("members", "people")
    step.isolate("identity", ["external_identities", "merges", "person_aliases"])
    step.isolate("identity", ["merge_images"], rights="SELECT, INSERT")
    step.run("members", "access")
    step.isolate("identity", ["memberships", "teams", "team_members", "invites", "sessions"])
    # Of no organization: what they have to do with one is their memberships', which policies guard.
    application = quoted_name(step.roles.application)
    step.execute(f"GRANT SELECT, INSERT, UPDATE ON identity.users TO {application}")
    step.execute(f"GRANT SELECT ON identity.slugs TO {application}")
