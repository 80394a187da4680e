"""Tenfold keeps a multi-tenant PostgreSQL product fast and tenant-safe at ten times its size."""

__version__ = "0.1.0"
