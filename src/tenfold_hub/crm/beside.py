"""What is written together with a thing, and is none of its columns: the stages of a new pipeline."""

from __future__ import annotations

from typing import Any

from tenfold_hub.kit.journal import Change


def beside(change: Change, name: str) -> Any:
    """What came under this name; taken from the values, which the audit log is about to keep."""
    return change.after.pop(name, None) if isinstance(change.after, dict) else None
