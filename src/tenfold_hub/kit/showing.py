"""Rows as the API shows them: ids with their prefix, moments in UTC, and what they refer to where asked."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.resource import Resource, SqlType

_encoder = msgspec.json.Encoder(uuid_format="canonical")


def shower(resource: Resource) -> Callable[[Any, Sequence[str]], dict[str, Any]]:
    """What makes the shown form of a row, or of values, of the fields that are asked for."""
    turned: dict[str, Callable[[Any], Any]] = {}
    for name, type_ in resource.types.items():
        if name in resource.ids:
            turned[name] = _with_prefix(resource.ids[name])
        elif type_ in _TURNED:
            turned[name] = _TURNED[type_]
    turns = turned.get

    def show(row: Any, fields: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"id": shown(resource.prefix, row["id"])}
        for name in fields:
            if name != "id":
                value = row[name]
                turn = None if value is None else turns(name)
                found[name] = value if turn is None else turn(value)
        return found

    return show


def json_of(value: object) -> bytes:
    return _encoder.encode(value)


def etag(version: int) -> str:
    return f'"{version}"'


def version_of(header: str | None) -> int | None:
    """The version that an If-Match header names; -1, which nothing has, where it is no version."""
    if header is None or header.strip() == "*":
        return None
    text = header.strip().removeprefix("W/").strip('"')
    return int(text) if text.isdecimal() and len(text) < 18 else -1


def ids_in(rows: Iterable[Mapping[str, Any] | Any], field: str) -> list[uuid.UUID]:
    return [row[field] for row in rows if row[field] is not None]


def _with_prefix(prefix: str) -> Callable[[uuid.UUID], str]:
    return lambda id: shown(prefix, id)


def moment(value: datetime.datetime) -> str:
    """In UTC, to the microsecond."""
    if value.tzinfo is not datetime.UTC:
        value = value.astimezone(datetime.UTC)
    return f"{value.isoformat(timespec='microseconds')[:26]}Z"


def raw_json(value: Any) -> Any:
    """JSON of the database: the driver gives it as text, which goes into the answer as it is."""
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value


_TURNED: dict[SqlType, Callable[[Any], Any]] = {
    "timestamptz": moment,
    "date": datetime.date.isoformat,
    "jsonb": raw_json,
}
