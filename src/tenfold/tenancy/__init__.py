"""Finds out how a database is shared by tenants, from its catalog alone."""
