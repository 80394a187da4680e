"""Reads a scenario file and writes one. What it names is held against a schema by `scenario_check`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tenfold.catalog.toml_file import read_toml, spoken
from tenfold.errors import ScenarioError, did_you_mean
from tenfold.model.scenario import Budgets, ColumnContent, Draft, Scenario, TableGrowth, Target, Tenants

S = TypeVar("S", bound=msgspec.Struct)

_STRUCTS = (Scenario, Tenants, Target, TableGrowth, ColumnContent, Budgets)


def load_scenario(file: Path) -> Scenario:
    """The file's scenario. Raises ScenarioError on one line: what is wrong, and in which section."""
    content = read_toml(
        file, ScenarioError, f"there is no scenario file {file}; make one: tenfold scenario init"
    )
    with faults_of(file):
        return _scenario(content)


@contextmanager
def faults_of(file: Path) -> Generator[None]:
    """Faults of a scenario that are found inside name the file."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError(f"{file}: {error.message}") from error.__cause__


def _scenario(content: dict[str, Any]) -> Scenario:
    """Converts the tables one by one: of a whole file, the fault would not say which table it is in."""
    tables = _section(content, "tables", "tables")
    converted = {}
    for name, table in tables.items():
        columns = _section(table, "columns", f"tables.{name}.columns") if isinstance(table, dict) else {}
        contents = {
            column: _convert(_with_text(content), ColumnContent, f"tables.{name}.columns.{column}")
            for column, content in columns.items()
        }
        growth = _convert(_without(table, "columns"), TableGrowth, f"tables.{name}")
        converted[name] = msgspec.structs.replace(growth, columns=contents)
    whole = _convert(_without(content, "tables"), Scenario, "")
    return msgspec.structs.replace(whole, tables=converted)


def _section(content: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    found = content.get(key, {})
    if not isinstance(found, dict):
        raise ScenarioError(f"[{where}] holds sections with a name each, not a value")
    return found


def _without(content: object, key: str) -> object:
    return (
        {name: value for name, value in content.items() if name != key}
        if isinstance(content, dict)
        else content
    )


def _with_text(content: object) -> object:
    """A column's least and greatest value: a date that is written as TOML has them is text to us."""
    if not isinstance(content, dict):
        return content
    times = (datetime.date, datetime.time)
    return {
        key: str(value) if key in ("low", "high") and isinstance(value, times) else value
        for key, value in content.items()
    }


def _convert(content: object, struct: type[S], where: str) -> S:
    try:
        return msgspec.convert(content, struct)
    except msgspec.ValidationError as error:
        text, inner = spoken(error)
        place = ".".join(part for part in (where, inner) if part)
        unknown = re.match(r"unknown key `(.*)`", text)
        if unknown:
            keys = [field.name for each in _STRUCTS for field in msgspec.structs.fields(each)]
            text += did_you_mean(unknown[1], keys, 0.7)
        raise ScenarioError(f"[{place}]: {text}" if place else text) from error


# --- writing ---


def scenario_text(draft: Draft) -> str:
    """The draft as TOML, with its remarks as comments. `load_scenario` reads the same scenario from it."""
    return "\n".join(_lines(draft)).strip("\n") + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    scenario, remarks = draft.scenario, draft.remarks
    yield from _comment(remarks.get((), ""))
    yield from _keys(scenario, (), remarks, ("start", "at"))
    yield from _section_lines(scenario.tenants, ("tenants",), remarks)
    for name, table in scenario.tables.items():
        yield from _section_lines(table, ("tables", name), remarks)
        for column, content in table.columns.items():
            yield from _section_lines(content, ("tables", name, "columns", column), remarks)
    yield from _section_lines(scenario.budgets, ("budgets",), remarks)


def _section_lines(
    section: msgspec.Struct, path: tuple[str, ...], remarks: Mapping[tuple[str, ...], str]
) -> Iterator[str]:
    keys = tuple(name for name in section.__struct_fields__ if name != "columns")
    lines = list(_keys(section, path, remarks, keys))
    # A table that is named without a word is another thing than one that is not named.
    if lines or path in remarks or path[0] == "tables":
        yield ""
        yield from _comment(remarks.get(path, ""))
        yield f"[{'.'.join(_key(part) for part in path)}]"
        yield from lines


def _keys(
    section: msgspec.Struct,
    path: tuple[str, ...],
    remarks: Mapping[tuple[str, ...], str],
    keys: tuple[str, ...],
) -> Iterator[str]:
    # Budgets are written although they are the defaults: they are there to be changed.
    defaults = {} if isinstance(section, Budgets) else _defaults(type(section))
    for key in keys:
        value = getattr(section, key)
        if value is None or (key in defaults and value == defaults[key] and key != "at"):
            continue
        remark = remarks.get((*path, key))
        yield f"{key} = {_value(value)}" + (f"  # {_one_line(remark)}" if remark else "")


def _defaults(struct: type[msgspec.Struct]) -> dict[str, object]:
    return {field.name: field.default for field in msgspec.structs.fields(struct)}


def _value(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        value = {key: getattr(value, key) for key in value.__struct_fields__}
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(key))} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(value)
    return value.isoformat() if isinstance(value, datetime.date) else _quoted(str(value))


def _number(value: float) -> str:
    """Large whole numbers in groups of three; never `1e+16`, which is TOML, but hard to read."""
    return f"{int(value):_}" if float(value).is_integer() else repr(float(value))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A basic string: control characters and what a string cannot hold bare are escaped."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + re.sub(r'["\\\x00-\x1f\x7f]', lambda m: escapes.get(m[0], f"\\u{ord(m[0]):04x}"), text) + '"'


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"# {_one_line(line)}".rstrip()


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
