"""The client and the description of the API agree: on routes, on what they take and on what they answer."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tenfold_hub.client import Hub
from tenfold_hub.client.lists import Page, Pages, Results
from tenfold_hub.client.sending import Call, Sender
from tenfold_hub.client.things import Edit

#: Routes that the client does not have, and why.
WITHOUT: dict[str, str] = {}
#: What is asked for besides what a method must be given, so that all of its routes are asked.
ALSO: dict[str, list[dict[str, Any]]] = {
    "list": [{"filter": {"id": "x"}}],
    "take_many": [{"step": step} for step in ("place", "pay", "fulfil", "cancel")],
}


class Asked:
    """What a client sends, answered with nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Call, Any]] = []

        async def send(_: Sender, call: Call, shown: Any) -> Any:
            self.calls.append((call, shown))
            return SimpleNamespace(items=[], next_cursor=None, status="done")

        @asynccontextmanager
        async def answered(_: Sender, call: Call) -> AsyncIterator[Any]:
            self.calls.append((call, bytes))

            async def nothing() -> Any:
                return b""

            async def pieces() -> AsyncIterator[bytes]:
                yield b""

            yield SimpleNamespace(aread=nothing, aiter_bytes=pieces)

        monkeypatch.setattr(Sender, "send", send)
        monkeypatch.setattr(Sender, "answered", answered)


async def test_every_route_is_reached_with_the_types_of_its_description(
    described: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = Asked(monkeypatch)
    async with Hub("http://hub", "key") as hub:
        for part, kind in _parts(hub):
            for name, method in _methods(part):
                for more in ({}, *ALSO.get(name, ())):
                    await _done(method(**(_arguments(method, _bound(kind), tmp_path) | more)))
    operations = {
        f"{method.upper()} {path.removeprefix('/v1')}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    reached = {str(call) for call, _ in asked.calls}
    assert reached.isdisjoint(WITHOUT)
    assert reached | set(WITHOUT) == set(operations)
    schemas = described["components"]["schemas"]
    for call, shown in asked.calls:
        operation = operations[str(call)]
        assert _shown(shown) == _answer(operation, schemas), call
        if isinstance(call.json, msgspec.Struct):
            assert type(call.json).__name__ == _name(_body(operation)), call
        if isinstance(call.json, dict) and (items := call.json.get("items")):
            _same_items(items[0], _body(operation), schemas, call)
        parameters = {each["name"]: each["in"] for each in operation.get("parameters", ())}
        assert {name for name, _ in call.query} <= parameters.keys(), call
        assert call.reads or call.keyed == ("Idempotency-Key" in parameters), call
        assert len(call.at) == list(parameters.values()).count("path"), call


def test_a_client_is_imported_without_the_server() -> None:
    script = "import sys, tenfold_hub.client; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"httpx", "msgspec"} <= (loaded := set(ast.literal_eval(done.stdout)))
    assert loaded.isdisjoint({"litestar", "asyncpg", "psycopg", "sqlalchemy", "tenfold", "cryptography"})


def test_whoever_installs_the_client_has_its_types() -> None:
    assert (resources.files("tenfold_hub") / "py.typed").is_file()


# --- what the client has --------------------------------------------------------------------------------


def _parts(hub: Hub) -> Iterator[tuple[Any, Any]]:
    yield hub, Hub
    for name, kind in get_type_hints(Hub).items():
        yield getattr(hub, name), kind
    yield hub.objects.records("vehicles"), type(hub.objects.records("vehicles"))


def _methods(part: Any) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(part, inspect.ismethod):
        if name[0] != "_" and name not in ("aclose", "records"):
            yield name, method


async def _done(result: Any) -> None:
    if isinstance(result, Pages):
        result = result.page()
    if inspect.isasyncgen(result):
        [each async for each in result]
    else:
        await result


def _bound(kind: Any) -> dict[str, Any]:
    """What type variables stand for, by their name."""
    origin = get_origin(kind) or kind
    found = dict(
        zip((each.__name__ for each in getattr(origin, "__parameters__", ())), get_args(kind), strict=False)
    )
    for base in getattr(origin, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            arguments = tuple(found.get(getattr(each, "__name__", ""), each) for each in get_args(base))
            found |= {
                name: each for name, each in _bound(get_origin(base)[arguments]).items() if name not in found
            }
    return found


def _arguments(method: Any, bound: dict[str, Any], path: Path) -> dict[str, Any]:
    hints = get_type_hints(method)
    return {
        name: _some(hints[name], bound, path / "file")
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is parameter.empty
    }


def _some(kind: Any, bound: dict[str, Any], path: Path) -> Any:
    """A value that goes for one of this type."""
    if isinstance(kind, TypeVar):
        return _some(bound[kind.__name__], bound, path)
    if get_origin(kind) is tuple:
        return tuple(_some(each, bound, path) for each in get_args(kind))
    if kind is str or str in get_args(kind):
        return "x"
    if kind is Path or Path in get_args(kind):
        return path
    if get_origin(kind) is Edit:
        return Edit("x", _some(get_args(kind)[0], bound, path))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{each.name: None for each in msgspec.structs.fields(kind) if each.required})
    if get_origin(kind) is Union:
        return _some(get_args(kind)[0], bound, path)
    if get_origin(kind) in (Iterable, Sequence):
        return [_some(get_args(kind)[0], bound, path)]
    return get_args(kind)[0]


# --- what the description says --------------------------------------------------------------------------


def _shown(kind: Any) -> str:
    if kind is bytes or kind == dict[str, Any]:
        return ""
    if get_origin(kind) in (Page, Results):
        return f"[{_shown(get_args(kind)[0])}]"
    return str(kind.__name__)


def _answer(operation: Any, schemas: Any) -> str:
    (content,) = {
        str(answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", ""))
        for status, answer in operation["responses"].items()
        if status[0] == "2"
    }
    name = content.rpartition("/")[2]
    properties = schemas[name]["properties"] if name else {}
    if "items" not in properties or not properties.keys() <= {*Page.__struct_fields__}:
        return name.removesuffix("View")
    item = _name(properties["items"]["items"])
    if item.startswith("ResultOf"):
        item = _name(schemas[item]["properties"]["item"])
    return f"[{item.removesuffix('View')}]"


def _body(operation: Any) -> Any:
    return operation["requestBody"]["content"]["application/json"]["schema"]


def _name(schema: Any) -> str:
    """Of what it refers to, or may be."""
    several = schema.get("oneOf") or [schema]
    return str(several[0].get("$ref", "")).rpartition("/")[2]


def _same_items(item: Any, body: Any, schemas: Any, call: Call) -> None:
    given = item if isinstance(item, dict) else msgspec.structs.asdict(item)
    described = schemas[_name(schemas[_name(body)]["properties"]["items"]["items"])]["properties"]
    assert given.keys() <= described.keys(), call
    if "item" in given:
        fields = schemas[_name(described["item"])]["properties"]
        assert {*given["item"].__struct_fields__} <= fields.keys(), call
