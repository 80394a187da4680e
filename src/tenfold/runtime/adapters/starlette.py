"""Starlette: a request of no tenant is told so.

app = Starlette(routes=..., exception_handlers={NoTenantError: no_tenant})
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tenfold.runtime.adapters.asgi import problem


async def no_tenant(_request: Request, error: Exception) -> Response:
    """A response 403, as problem+json.

    Not 401: that must name the ways to log in (WWW-Authenticate), which the login knows, and whoever has
    logged in and belongs to no tenant would be sent to log in again.
    """
    headers, body = problem(403, str(error))
    response = Response(body, 403)
    response.raw_headers.extend(headers)
    return response
