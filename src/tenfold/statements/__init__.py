"""Reads statements: their text, their tree, what their parameters are compared with. Pure, by sqlglot."""
