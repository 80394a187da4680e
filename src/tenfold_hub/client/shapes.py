"""What the Structs of the client have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

#: Stands in a field that an answer does not have. Its type is a lie that `Thing` makes good.
ABSENT: Any = UNSET


class Given(msgspec.Struct, kw_only=True):
    """What is sent. What is not set is not sent: the hub's default holds, or, in a patch, what was there."""


class Shown(msgspec.Struct, kw_only=True):
    """What an answer holds. What a later hub may add to it is passed over."""


class NotShownError(AttributeError):
    """The field is not in this answer: name it in `fields`, or in `expand`."""


class Thing(Shown, kw_only=True):
    """One thing, or as much of it as was asked for.

    Lists show what lists are read for, `fields` picks, and `expand` adds. A field that the answer does not
    have is no None, which would be a value: reading it raises NotShownError.
    """

    id: str

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if value is UNSET:
                kind = type(self).__name__
                raise NotShownError(
                    f"{name} of this {kind} was not asked for: name it in `fields` or `expand`"
                )
            return value

    def __repr__(self) -> str:
        # Whatever ends in a log is no person's value.
        return f"{type(self).__name__}(id={self.id!r})"
