"""The blocks of Python on a page of the documentation, run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_PAGES = Path(__file__).parents[3] / "docs/how-to"


def names_of(page: str, **words: str) -> dict[str, Any]:
    """What all blocks on the page define, together. In quotes, `words` stand for others, as app=role."""
    text = (_PAGES / page).read_text(encoding="utf-8")
    for word, other in words.items():
        text = text.replace(f'"{word}"', f'"{other}"')
    # Frameworks look for the module of what they are given.
    module = sys.modules["page"] = ModuleType("page")
    found = vars(module)
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(block, found)
    return found
