"""Segments of people, contacts and companies, kept in proportion to what changes; saved searches."""
