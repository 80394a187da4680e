"""The database of a hub, in steps that Alembic applies."""
