"""The client's Structs, from the description of the API: `src/tenfold_hub/client/schema.py`.

What lists, pages and batches have in common the client has once, by hand; here is what differs.
"""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx

Schema = Mapping[str, Any]

_HEAD = '''"""What the hub's API shows and takes.

Made from its description by `python -m docs.generate`: a change here is lost.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from tenfold_hub.client.shapes import ABSENT, Given, Shown, Thing

'''
#: Of a page of a list, which is one generic type in the client.
_OF_PAGES = {"items", "next_cursor", "previous_cursor", "count"}
#: What a reader names the parts of; `Contact` and `ContactView` are one type in the client.
_VIEW = "View"
_JSON = "application/json"
#: The client has these by hand.
_BY_HAND = {"Fault", "ProblemDocument"}
_SCALARS = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict[str, Any]",
}
_FORMATS = {"date-time": "datetime", "date": "date"}


def description() -> dict[str, Any]:
    """Of the whole API. No server is asked."""
    from tenfold.runtime.paging import Cursors
    from tenfold.runtime.telemetry import Telemetry
    from tenfold_hub.app import create_app
    from tenfold_hub.serving import database
    from tenfold_hub.settings import Settings

    settings = Settings(database="postgresql://localhost/hub", secret="00" * 32)
    telemetry = Telemetry(slow_request=math.inf)
    app = create_app(database(settings, []), Cursors(settings.key), telemetry, settings)

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
            return (await client.get("/docs/openapi.json")).raise_for_status().json()

    found: dict[str, Any] = asyncio.run(ask())
    return found


def client_schema(described: Mapping[str, Any]) -> str:
    """The module's text."""
    return _formatted(_HEAD + "\n".join(_Types(described).lines()))


class _Types:
    """All that requests and answers of one API are made of."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._schemas: dict[str, Schema] = described["components"]["schemas"]
        operations = [
            operation
            for path, methods in described["paths"].items()
            if "/batch/" not in path and not path.endswith("/{id}/search")
            for operation in methods.values()
        ]
        self._given = self._reached(_bodies(operations))
        self._shown = self._reached(_answers(operations)) - _BY_HAND
        #: Choices among words, by the name that they are given.
        self._words: dict[str, tuple[str, ...]] = {}

    def lines(self) -> Iterator[str]:
        names = sorted({name.removesuffix(_VIEW) for name in self._given | self._shown if self._own(name)})
        structs = [line for name in names for line in self._struct(name)]
        every = sorted([*names, *self._words])
        yield "__all__ = [" + ", ".join(f'"{name}"' for name in every) + "]\n"
        for name, words in sorted(self._words.items()):
            yield f"{name} = Literal[{', '.join(map(repr, words))}]"
        yield from structs

    # --- which ---------------------------------------------------------------------------------------

    def _reached(self, wanted: list[Schema]) -> set[str]:
        """The names of all that these are made of."""
        found: set[str] = set()
        while wanted:
            for name in set(_references(wanted.pop())) - found:
                found.add(name)
                wanted.append(self._schemas[name])
        return found

    def _own(self, name: str) -> bool:
        return name not in _BY_HAND | {"Search", "Count"} and not self._is_page(name)

    def _is_page(self, name: str) -> bool:
        names = set(self._schemas[name]["properties"])
        return "items" in names and names <= _OF_PAGES and name in self._shown

    # --- how -----------------------------------------------------------------------------------------

    def _struct(self, name: str) -> Iterator[str]:
        schema = self._schemas.get(name) or self._schemas[f"{name}{_VIEW}"]
        view = self._schemas.get(f"{name}{_VIEW}") if f"{name}{_VIEW}" in self._shown else None
        required = set(schema.get("required", ()))
        # What it is expanded by the view knows better.
        whole = {field: of for field, of in schema["properties"].items() if field in required or not view}
        others = (view or schema)["properties"].items()
        properties = whole | {field: of for field, of in others if field not in whole}
        base = "Thing" if view else "Given" if name in self._given else "Shown"
        yield f"\n\nclass {name}({base}, kw_only=True):"
        if not properties:
            yield "    pass"
        for field, of in properties.items():
            type_ = self._type(of, name, field)
            if view:
                if field != "id":
                    yield f"    {field}: {type_} = ABSENT"
            elif field in required:
                yield f"    {field}: {type_}"
            else:
                yield f"    {field}: {_union([type_, 'UnsetType'])} = UNSET"

    def _type(self, schema: Schema, struct: str, field: str) -> str:
        def inner(of: Schema) -> str:
            return self._type(of, struct, field)

        match schema:
            case {"$ref": reference}:
                return str(reference).rpartition("/")[2]
            case {"oneOf": several} | {"anyOf": several}:
                return _union(map(inner, several))
            case {"enum": words}:
                named = self._named(struct, field, tuple(word for word in words if word is not None))
                return f"{named} | None" if None in words else named
            case {"type": [*several]}:
                return _union(inner({**schema, "type": each}) for each in several)
            case {"prefixItems": several}:
                return f"tuple[{', '.join(map(inner, several))}]"
            case {"type": "array"}:
                return f"list[{inner(schema.get('items', {}))}]"
            case {"type": "object", "additionalProperties": {**values}}:
                return f"dict[str, {inner(values)}]"
            case {"type": "string"}:
                return _FORMATS.get(schema.get("format", ""), "str")
            case {"type": kind}:
                return _SCALARS[kind]
            case _:
                return "Any"

    def _named(self, struct: str, field: str, words: tuple[str, ...]) -> str:
        """`ContactStatus`, of the contact, of a new one and of its patch."""
        of = re.sub(r"^New(?=[A-Z])|Patch$", "", struct)
        name = of + "".join(part.capitalize() for part in field.split("_"))
        if self._words.setdefault(name, words) != words:
            name = f"{struct}{name.removeprefix(of)}"
            self._words[name] = words
        return name


def _bodies(operations: list[Any]) -> list[Schema]:
    bodies = [each["requestBody"]["content"] for each in operations if "requestBody" in each]
    return [body.get(_JSON, {}).get("schema", {}) for body in bodies]


def _answers(operations: list[Any]) -> list[Schema]:
    return [
        answer.get("content", {}).get(_JSON, {}).get("schema", {})
        for each in operations
        for answer in each["responses"].values()
    ]


def _union(types: Iterable[str]) -> str:
    """Each once, and None at the end."""
    several = dict.fromkeys(one for each in types for one in each.split(" | "))
    return " | ".join(sorted(several, key=lambda each: each == "None"))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _formatted(text: str) -> str:
    """As the project's formatter has it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "src/schema.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
