"""What every HTML page of ours is made with: templates that escape, our own assets, and a policy that lets in
nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from tenfold.model.wording import counted
from tenfold.report.outline import legible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markupsafe import Markup


@cache
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": _prose, "legible": legible, "counted": counted}
    return environment


@cache
def asset(name: str) -> Markup:
    """A style sheet or script of ours, to be set into the page as it is."""
    from markupsafe import Markup

    return Markup(resources.files(__package__).joinpath("templates", name).read_text("utf-8"))  # noqa: S704 our own file


def policy(style: str, script: str | None = None) -> str:
    """A Content-Security-Policy: this style sheet and this script, and nothing else."""
    scripts = "" if script is None else f"script-src {_digest(script)}; "
    return f"default-src 'none'; style-src {_digest(style)}; {scripts}base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _prose(text: str) -> Markup:
    """A rule's Markdown as HTML; raw HTML in it is escaped."""
    from markupsafe import Markup

    return Markup(_markdown().render(text))  # noqa: S704 the renderer escapes


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")
