"""The page that shows the API: Swagger UI, with its files beside this one; it works without a network.

Swagger UI 5.35.0 is SmartBear's, under the Apache License 2.0; LICENSE, NOTICE and the notices of what it
holds are here as well.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.plugins import OpenAPIRenderPlugin

PATH = "/docs"
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "page.js": "text/javascript",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{path}/files/swagger-ui.css">
</head>
<body>
<div id="page" data-schema="{schema}"></div>
<script src="{path}/files/swagger-ui-bundle.js"></script>
<script src="{path}/files/page.js"></script>
</body>
</html>
"""


class ApiPage(OpenAPIRenderPlugin):
    """At the path of the OpenAPI documents themselves."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        schema = self.get_openapi_json_route(request)
        return _PAGE.format(title=openapi_schema["info"]["title"], path=PATH, schema=schema).encode()


def handlers() -> list[BaseRouteHandler]:
    """What the page loads."""
    held = {name: (resources.files(__package__) / name).read_bytes() for name in _TYPES}

    def file(name: str, kind: str) -> BaseRouteHandler:
        @get(f"{PATH}/files/{name}", include_in_schema=False, name=f"files/{name}", sync_to_thread=False)
        def answer() -> Response[bytes]:
            return Response(held[name], media_type=kind, headers={"Cache-Control": "public, max-age=86400"})

        return answer

    return [file(name, kind) for name, kind in _TYPES.items()]
