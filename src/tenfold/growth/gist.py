"""Pages of GiST and SP-GiST indexes, and of methods that nothing is known of: entries at a usual fill."""

from __future__ import annotations

import math

from tenfold.growth.keys import Entries
from tenfold.growth.width import LINE_POINTER, PAGE

_ROOM = PAGE - 24 - 16
#: GiST pages split in half and fill to about ln 2; SP-GiST keeps 20 % free (SPGIST_DEFAULT_FILLFACTOR) and
#: pays for inner tuples.
_FILL = {"gist": 0.69, "spgist": 0.6}


def tree_pages(method: str, of: Entries) -> int:
    return 1 + math.ceil(of.count * (of.width + LINE_POINTER) / (_ROOM * _FILL.get(method, 0.69)))
