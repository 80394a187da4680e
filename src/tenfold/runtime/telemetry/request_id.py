"""A request's id: one that came along, where it is sane, or one of our own."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable

from tenfold.runtime.telemetry.record import current_record

HEADER = b"x-request-id"
# It goes into logs and back to the sender: nothing that could break a line or a header, or fill a disk.
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id() -> str | None:
    """The id of the request, or recording, that this task belongs to."""
    record = current_record()
    return None if record is None else record.id


class RequestIdFilter(logging.Filter):
    """Gives each record of a log its `request_id`, `-` outside of requests. Add it to handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__["request_id"] = request_id() or "-"
        return True


def id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The first `X-Request-ID` if it is sane, else a new one."""
    for name, value in headers:
        if name == HEADER:
            return value.decode("ascii") if _SANE.fullmatch(value) else new_id()
    return new_id()


def new_id() -> str:
    """32 hexadecimal digits."""
    return secrets.token_hex(16)
