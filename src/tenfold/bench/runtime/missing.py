"""Competitors are an extra of their own, `bench`: one that is not installed is named, and the rest is run."""

from __future__ import annotations

from importlib.util import find_spec

HOW_TO_INSTALL = "not installed: pip install 'tenfold[bench]'"


def missing(*modules: str) -> str:
    """What to say in the place of a competitor that needs these modules; empty where all are there."""
    absent = [module for module in modules if find_spec(module) is None]
    return f"{', '.join(absent)} {HOW_TO_INSTALL}" if absent else ""
