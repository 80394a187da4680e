"""Rows as the API shows them: ids with their prefix, moments in UTC, and what they refer to where asked."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec

from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.resource import Resource

_encoder = msgspec.json.Encoder(uuid_format="canonical")


def shower(resource: Resource) -> Callable[[Any, Sequence[str]], dict[str, Any]]:
    """What makes the shown form of a row, or of values, of the fields that are asked for.

    Moments and days stay what they are: `json_of` writes them.
    """
    turns: dict[str, Callable[[Any], Any]] = {
        name: raw_json for name, type_ in resource.types.items() if type_ == "jsonb"
    } | {name: _with_prefix(prefix) for name, prefix in resource.ids.items()}
    plans: dict[Sequence[str], _Plan] = {}

    def planned(fields: Sequence[str]) -> _Plan:
        names = ("id", *(name for name in fields if name != "id"))
        # A getter of one name gives no tuple.
        values = itemgetter(*names) if len(names) > 1 else lambda row: (row["id"],)
        if len(plans) >= _MOST_PLANS:
            plans.clear()
        found = plans[fields] = names, values, tuple((name, turns[name]) for name in names if name in turns)
        return found

    def show(row: Any, fields: Sequence[str]) -> dict[str, Any]:
        names, values, turned = plans.get(fields) or planned(fields)
        found = dict(zip(names, values(row), strict=True))
        for name, turn in turned:
            value = found[name]
            if value is not None:
                found[name] = turn(value)
        return found

    return show


#: Names, what takes their values out of a row, and what turns some of these into what is shown.
_Plan: TypeAlias = tuple[
    tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[tuple[str, Callable[[Any], Any]], ...]
]
#: Sets of fields that clients ask for; a process keeps so many of each resource.
_MOST_PLANS = 200


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


def _with_prefix(prefix: str) -> Callable[[uuid.UUID], str]:
    return lambda id: shown(prefix, id)


def moment(value: datetime.datetime) -> str:
    """In UTC, as `json_of` writes it."""
    return f"{value.astimezone(datetime.UTC).isoformat()[:-6]}Z"


def raw_json(value: Any) -> Any:
    """JSON of the database: the driver gives it as text, which goes into the answer as it is."""
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value
