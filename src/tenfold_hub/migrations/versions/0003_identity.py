"""Users, memberships, teams, sessions, identities, merges"""

from __future__ import annotations

from alembic import context, op

from tenfold.runtime import quoted_name
from tenfold_hub.migrations.step import Step
from tenfold_hub.migrations.table import own_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: What helps those that the application may call.
_WITHIN = (
    "identity.keyed(text, text)",
    "identity.source_key(text)",
    "identity.login_wait(bytea, bytea)",
    "identity.login_turn(bytea, bytea)",
    "identity.login_failed(bytea, bytea)",
    "identity.login_tried(text, text, text, bytea, boolean)",
)
_OPENED = (
    "identity.organization_named(text)",
    "identity.login_asked(text, text)",
    "identity.login_proved(text, text, text, bytea)",
    "identity.user_joined(text, text, text, bytea)",
    "identity.password_changed(text, text, text, bytea, bytea)",
)


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    step.run("members", "people")
    step.isolate("identity", ["external_identities", "merges", "person_aliases"])
    step.isolate("identity", ["merge_images"], rights="SELECT, INSERT")
    step.run("members", "access")
    step.isolate("identity", ["teams", "team_members"])
    step.isolate("identity", ["memberships", "invites", "sessions"], rights="SELECT, INSERT, UPDATE")
    _users(step)
    _logins(step)


def _users(step: Step) -> None:
    """An organization sees the users who are its members. Users are made by functions of the owner."""
    owner, application = quoted_name(step.roles.owner), quoted_name(step.roles.application)
    member = f"EXISTS (SELECT FROM identity.memberships AS m WHERE m.{own_rows()} AND m.user_id = users.id)"
    for statement in (
        "ALTER TABLE identity.users ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE identity.users FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY of_member ON identity.users USING ({member})",
        f"CREATE POLICY joins ON identity.users FOR INSERT TO {owner} WITH CHECK (true)",
        f"GRANT SELECT ON identity.users TO {application}",
    ):
        step.execute(statement)


def _logins(step: Step) -> None:
    for block in ("passwords", "functions", "opened"):
        step.run("logins", block)
    for function in (*_WITHIN, *_OPENED):
        step.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in _OPENED:
        step.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {quoted_name(step.roles.application)}")
