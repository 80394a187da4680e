"""Writes what was found as text, JSON, Markdown, HTML or SARIF. Pure: values in, a string out."""

from __future__ import annotations

import importlib
from typing import Any, Literal, get_args

from tenfold.model.audit import Audit
from tenfold.model.snapshot import Snapshot

Format = Literal["text", "json", "markdown", "html", "sarif"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(form: Format, audit: Audit, snapshot: Snapshot, *, coloured: bool = False) -> str:
    """The audit as a document of that format; each has a module of its name with a `render` function.

    `coloured` is for text that goes to a terminal.
    """
    module = importlib.import_module(f"{__name__}.{form}")
    options: dict[str, Any] = {"coloured": True} if coloured and form == "text" else {}
    document: str = module.render(audit, snapshot, **options)
    return document
