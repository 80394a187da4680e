"""Writes the reference of `tenfold.toml` from the structs that decode it and the comments above their fields.

A type is told in the words of a TOML file, not of Python.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

import msgspec

from tenfold.model import config
from tenfold.model.tenancy import TableClass
from tenfold.model.thresholds import Thresholds

INTRODUCTION = """# Configuration

`tenfold.toml` is found upwards from the working directory, or named with `--config`; in a `pyproject.toml`
the same keys go below `[tool.tenfold]`. Everything can be left out: what the catalog tells is found by
evidence. An unknown key is an error.

How to fill it in: [name your tenancy and your hot tables](../how-to/configure-tenancy.md).

```toml
[tenancy]
columns = ["team_id"]
tenant_table = "teams"
setting = "app.team_id"
application_role = "app"

[workload]
file = "workload.sql"

[operations_per_day]
messages = 100_000

[personal_data]
tables = ["personas"]

[thresholds]
slow_statement_ms = 100

[[ignore]]
rule = "index-unused"
object = "invoices"
reason = "the yearly report needs it"
expires = 2027-01-31
```
"""

#: Types of fields, in the words of TOML.
TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "datetime.date": "date",
    "tuple[str, ...]": "list of strings",
    "dict[str, int]": "table: name = integer",
    "dict[str, TableClass]": "table: name = " + ", ".join(f'"{part}"' for part in get_args(TableClass)),
}

SECTIONS = (
    ("[tenancy]", config.TenancyConfig),
    ("[workload]", config.WorkloadConfig),
    ("[personal_data]", config.PersonalDataConfig),
    ("[[ignore]]", config.Ignore),
    ("top level", config.Config),
    ("[thresholds]", Thresholds),
)


class Field(NamedTuple):
    name: str
    type: str
    default: str
    comment: str


def configuration_page() -> str:
    return "\n".join(_lines()) + "\n"


def fields_of(struct: type[msgspec.Struct]) -> Iterator[Field]:
    """The struct's fields with the `#:` comment above each, as its source has them."""
    defaults = {field.name: field for field in msgspec.structs.fields(struct)}
    comment: list[str] = []
    for line in inspect.getsource(struct).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            comment.append(text.removeprefix("#:").strip())
            continue
        name, colon, rest = text.partition(": ")
        if colon and name in defaults:
            field = defaults[name]
            default = "required" if field.required else _default(field.default)
            yield Field(name, rest.split(" = ")[0], default, " ".join(comment))
        comment = []


def _default(value: object) -> str:
    if value is msgspec.NODEFAULT or value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield from section_tables(SECTIONS, TYPES)


def section_tables(
    sections: Iterable[tuple[str, type[msgspec.Struct]]], types: Mapping[str, str]
) -> Iterator[str]:
    """A table of keys for each section; fields that are sections of their own are left out."""
    for heading, struct in sections:
        fields = [field for field in fields_of(struct) if not _is_section(field, sections)]
        if not fields:
            continue
        yield f"## {heading}"
        yield ""
        yield "| key | type | default | meaning |"
        yield "|---|---|---|---|"
        for field in fields:
            kind = types[field.type.removesuffix(" | None")]
            yield f"| `{field.name}` | {kind} | {field.default} | {field.comment} |"
        yield ""


def _is_section(field: Field, sections: Iterable[tuple[str, type[msgspec.Struct]]]) -> bool:
    return any(re.search(rf"\b{struct.__name__}\b", field.type) for _, struct in sections)
