"""What went wrong, as the API says it: problem documents (RFC 9457) with a code that programs may rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tenfold.errors import (
    CursorError,
    DatabaseUnavailableError,
    PoolTimeoutError,
    TenfoldError,
    UsageError,
)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one part of a request: `pointer` is a JSON pointer, or the name of a parameter."""

    pointer: str
    code: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of an error."""

    title: str
    status: int
    code: str
    detail: str = ""
    type: str = "about:blank"
    request_id: str = ""
    errors: tuple[Fault, ...] = ()


class Problem(TenfoldError):
    """The request cannot be done as it is."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        errors: Sequence[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.detail, self.errors = code, detail, tuple(errors)
        self.status, self.title = CODES[code]
        self.headers = dict(headers or {})
        super().__init__(detail or self.title)

    def document(self, request_id: str = "") -> ProblemDocument:
        return ProblemDocument(
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )


#: Every code that the API answers with: its status and title.
CODES: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "The request is not valid"),
    "invalid_cursor": (400, "The cursor is of another list, or damaged"),
    "not_filterable": (400, "The list cannot be filtered by this field"),
    "not_sortable": (400, "The list cannot be sorted by this field"),
    "unauthenticated": (401, "Credentials are missing, expired or revoked"),
    "forbidden": (403, "The credentials do not allow this"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "The path knows no such method"),
    "conflict": (409, "This contradicts what is there"),
    "taken": (409, "The value is in use already"),
    "not_ready": (409, "It is being made ready"),
    "in_flight": (409, "A request with this Idempotency-Key is under way"),
    "gone": (410, "It is gone for good"),
    "version_mismatch": (412, "It was changed since it was read"),
    "too_large": (413, "The request is too large"),
    "invalid": (422, "Some values are not valid"),
    "limit_reached": (422, "A limit of the organization is reached"),
    "key_reused": (422, "The Idempotency-Key was used for another request"),
    "too_many_jobs": (429, "Too many jobs are not over"),
    "rate_limited": (429, "Too many requests"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "The service cannot answer now"),
}


#: Lock not available, deadlock, serialization failure.
_BUSY = frozenset({"55P03", "40P01", "40001"})
#: The character NUL, in a text or within JSON: the database keeps none.
_NUL = frozenset({"22021", "22P05"})


def problem_of(error: BaseException) -> Problem | None:
    """The problem that an error of the runtime means to a client; None where it is a fault of ours."""
    match error:
        case Problem():
            return error
        case CursorError():
            return Problem("invalid_cursor", str(error))
        case PoolTimeoutError() | DatabaseUnavailableError():
            # What it says names servers and lines of code: for the log, and not for the client.
            return Problem("unavailable", headers={"Retry-After": "1"})
        case UsageError():
            return Problem("invalid_request", str(error))
        case _ if getattr(error, "sqlstate", "") in _NUL:
            return Problem("invalid", "a text has the character NUL in it, which cannot be kept")
        case _ if getattr(error, "sqlstate", "") in _BUSY:
            return Problem("unavailable", "others hold what this needs", headers={"Retry-After": "1"})
        case _:
            return None


def invalid(pointer: str, code: str, detail: str) -> Problem:
    """One value that is not valid."""
    return Problem("invalid", detail, [Fault(pointer, code, detail)])


def not_found(what: str) -> Problem:
    return Problem("not_found", f"there is no {what} with this id")


def document_json(problem: Problem, request_id: str) -> bytes:
    return msgspec.json.encode(problem.document(request_id))


def as_mapping(problem: Problem) -> dict[str, Any]:
    """For a part of an answer, as an item of a batch."""
    found: dict[str, Any] = msgspec.to_builtins(problem.document())
    return found
