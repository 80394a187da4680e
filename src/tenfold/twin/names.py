"""Names that the twin gives to what is not of the source."""

from __future__ import annotations

#: The role that the twin is built as; no role of a source is called that.
TWIN_ROLE = "tenfold_twin"
#: The schema of what stands in for what could not be carried over.
TWIN_SCHEMA = "tenfold_twin"
#: Stands for a policy that the embedded server refused: a plan that shows it is not the source's.
MISSING_POLICY = "missing_policy"
