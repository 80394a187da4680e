"""Finds and reads `tenfold.toml`, and the workload file that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tenfold.catalog.toml_file import read_text, read_toml, reason, spoken
from tenfold.errors import ConfigError
from tenfold.model.activity import Statement
from tenfold.model.config import Config

FILE_NAME = "tenfold.toml"
PROJECT_FILE = "pyproject.toml"


class LoadedConfig(msgspec.Struct, frozen=True):
    """A configuration, the file that it came from, and the statements of its workload file."""

    config: Config = Config()
    file: Path | None = None
    workload: tuple[Statement, ...] = ()


def load_config(file: Path | None = None, *, start: Path | None = None) -> LoadedConfig:
    """The named file, or the nearest one upwards from `start` (the working directory); else the defaults.

    Upwards, `tenfold.toml` counts, and `pyproject.toml` where it has a `[tool.tenfold]` table. Raises
    ConfigError on one line: what is wrong, where.
    """
    try:
        found = file or _find(start or Path.cwd())
    except OSError as error:
        raise ConfigError(
            f"no {FILE_NAME} can be looked for: {reason(error)}; name one with --config"
        ) from error
    if found is None:
        return LoadedConfig()
    config = _decode(found)
    workload: tuple[Statement, ...] = ()
    if config.workload.file is not None:
        workload = _workload(found.parent / config.workload.file, found)
    return LoadedConfig(config, found, workload)


def _find(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if _speaks_of_us(folder / PROJECT_FILE):
            return folder / PROJECT_FILE
    return None


def _speaks_of_us(project: Path) -> bool:
    # Other people's project files lie on the way: only one that mentions us has to be TOML.
    return project.is_file() and b"tool.tenfold" in project.read_bytes() and _section(project) is not None


def _decode(file: Path) -> Config:
    tables: object = _tables(file)
    if file.name == PROJECT_FILE:
        tables = _section(file)
        if tables is None:
            raise ConfigError(f"{file} has no table [tool.tenfold]; check --config")
    try:
        config = msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{file}: {_spoken(error)}; docs/reference/configuration.md lists every key"
        ) from error
    for name, operations in config.operations_per_day.items():
        if operations < 0:  # msgspec would not say of which table
            raise ConfigError(f"{file}: [operations_per_day] of {name!r} is {operations}; expected 0 or more")
    return config


def _section(project: Path) -> object:
    """The table [tool.tenfold] of a pyproject.toml; None where there is none."""
    tool = _tables(project).get("tool")
    return tool.get("tenfold") if isinstance(tool, dict) else None


def _tables(file: Path) -> dict[str, Any]:
    return read_toml(file, ConfigError, f"there is no configuration file {file}; check --config")


def _spoken(error: msgspec.ValidationError) -> str:
    text, where = spoken(error)
    return f"{text} in [{where}]" if where else text


def _workload(file: Path, config_file: Path) -> tuple[Statement, ...]:
    from tenfold.pg.sqlfile import parse_blocks

    try:
        blocks = parse_blocks(read_text(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config_file}: [workload] file {file} cannot be read: {reason(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error
    return tuple(Statement(text=block.text, name=block.name) for block in blocks)
