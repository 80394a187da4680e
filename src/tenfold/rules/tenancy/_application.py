"""A role for the application that policies bind: rights on rows, nothing owned."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.model.ddl import fit, identifier
from tenfold.model.relations import Relation
from tenfold.rules.subject import Subject


def tenants_tables(subject: Subject) -> tuple[Relation, ...]:
    """Tables that belong to tenants: with the tenant column, their children, and the tenant table."""
    parts = ((relation, subject.tenancy.of(relation.oid)) for relation in subject.tables)
    return tuple(relation for relation, part in parts if part is not None and part.table_class != "shared")


def application_role_statements(subject: Subject) -> tuple[str, ...]:
    """Makes a login role beside those that exist and gives it its rights."""
    name = fit(f"{subject.snapshot.database.name}_app", frozenset(subject.snapshot.role_by_name))
    schemas = sorted({relation.schema for relation in tenants_tables(subject)})
    return (f"CREATE ROLE {identifier(name)} LOGIN", *row_rights(name, schemas))


def row_rights(role: str, schemas: Iterable[str]) -> tuple[str, ...]:
    """Grants to read and write rows in all tables of the schemas."""
    grantee = identifier(role)
    return tuple(
        text
        for schema in map(identifier, schemas)
        for text in (
            f"GRANT USAGE ON SCHEMA {schema} TO {grantee}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {grantee}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {grantee}",
        )
    )
