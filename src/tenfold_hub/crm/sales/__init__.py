"""Leads, deals, and the pipelines that deals go through."""
