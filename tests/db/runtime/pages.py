"""The blocks of Python on a page of the documentation, run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_PAGES = Path(__file__).parents[3] / "docs/how-to"


def text_of(page: str) -> str:
    return (_PAGES / page).read_text(encoding="utf-8")


def blocks_of(text: str) -> list[str]:
    """The blocks of Python of a page's text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def names_of(page: str, **words: str) -> dict[str, Any]:
    """What all blocks on the page define, together. In quotes, `words` stand for others, as app=role."""
    text = text_of(page)
    for word, other in words.items():
        text = text.replace(f'"{word}"', f'"{other}"')
    return names_in(text)


def names_in(text: str) -> dict[str, Any]:
    """The same, of a page's text."""
    # Frameworks look for the module of what they are given.
    module = sys.modules["page"] = ModuleType("page")
    found = vars(module)
    for block in blocks_of(text):
        exec(block, found)
    return found
