"""What can go wrong between a client and a hub. No text of these holds a value of a person."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one part of a request: `pointer` is a JSON pointer, or the name of a parameter."""

    pointer: str = ""
    code: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the hub tells it (RFC 9457). `code` is what programs may rely on."""

    status: int
    code: str = ""
    title: str = ""
    detail: str = ""
    request_id: str = ""
    errors: tuple[Fault, ...] = ()


class HubError(Exception):
    """All that this client raises."""


class ProblemError(HubError):
    """The hub refused the request, and says why."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        self.status, self.code, self.detail = problem.status, problem.code, problem.detail
        self.errors: Sequence[Fault] = problem.errors
        #: Whoever runs the hub finds the request by it.
        self.request_id = problem.request_id
        #: Seconds, where the hub says when to ask again.
        self.retry_after = retry_after
        places = "".join(f"; {each.pointer}: {each.detail or each.code}" for each in problem.errors[:5])
        request = f" (request {problem.request_id})" if problem.request_id else ""
        super().__init__(
            f"{problem.status} {problem.code}: {problem.detail or problem.title}{places}{request}"
        )


class UnreachableError(HubError):
    """No answer came. What was sent may have been done, unless it could be sent again with its key."""


class UnexpectedAnswerError(HubError):
    """The answer is none that this client knows: it is older than the hub, or not a hub's at all."""


class WaitedError(HubError):
    """The job goes on, but the time that the caller had for it is over."""


class UnsignedError(HubError):
    """The message is not from the hub, or was changed on its way, or is too old."""
