"""What every table of an organization has: keys that lead with it, and a policy that binds its owner, too."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.runtime import quoted_name

#: The run-time setting that carries the organization of a transaction.
SETTING = "app.organization_id"

#: Columns of every resource.
COMMON = """
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    PRIMARY KEY (organization_id, id)"""

_OWN = f"(SELECT NULLIF(current_setting('{SETTING}', true), '')::uuid)"


def own_rows(column: str = "organization_id") -> str:
    """The condition that a row is the transaction's organization's."""
    return f"{quoted_name(column)} = {_OWN}"


def isolated(
    schema: str,
    tables: Iterable[str],
    application_role: str,
    *,
    column: str = "organization_id",
    rights: str = "SELECT, INSERT, UPDATE, DELETE",
) -> list[str]:
    """The statements that bind all roles to the rows of their organization, with the application's rights.

    Without rights it is a partition: its parent gives them, and its policy is for who names it directly.
    """
    statements = []
    for table in tables:
        name = quoted_name(schema, table)
        statements += [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY of_organization ON {name} USING ({own_rows(column)})"
            f" WITH CHECK ({own_rows(column)})",
        ]
        if rights:
            statements.append(f"GRANT {rights} ON {name} TO {quoted_name(application_role)}")
    return statements
