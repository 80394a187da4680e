"""CSV that spreadsheets show as it is: a text that they would take for a formula begins with an apostrophe.

That is OWASP's advice against what attackers write into names, to be run where a file is opened. A text that
has apostrophes before such a beginning gets one more, so that an import, which takes one away, undoes it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

#: As it begins, a spreadsheet calculates it: in full width, too.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def shown(text: str) -> str:
    """The text as a cell of a file."""
    return f"'{text}" if _FORMULA.match(text) else text


def read(cell: str) -> str:
    """The text that a cell of a file says."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """As CSV. Texts are guarded; numbers are what they are."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [shown(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue().encode()
