"""Finds and reads `tenfold.toml`, and the workload file that it names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenfold.errors import ConfigError
from tenfold.model.activity import Statement
from tenfold.model.config import Config

FILE_NAME = "tenfold.toml"


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
    found = file or _find(start or Path.cwd())
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
        project = folder / "pyproject.toml"
        if project.is_file() and b"[tool.tenfold" in project.read_bytes():
            return project
    return None


def _decode(file: Path) -> Config:
    import tomllib

    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no configuration file {file}; check --config") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    if file.name == "pyproject.toml":
        tables = tables.get("tool", {}).get("tenfold", {})
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{file}: {_spoken(error)}; docs/reference/configuration.md lists every key"
        ) from error


def _spoken(error: msgspec.ValidationError) -> str:
    """`Object contains unknown field `colum` - at `$.tenancy`` in the words of a TOML file."""
    text, _, place = str(error).partition(" - at ")
    text = text.replace("Object contains unknown field", "unknown key").replace("`object`", "a table")
    where = place.strip("`").removeprefix("$").removeprefix(".")
    return f"{text} in [{where}]" if where else text


def _workload(file: Path, config_file: Path) -> tuple[Statement, ...]:
    from tenfold.pg.sqlfile import parse_blocks

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config_file}: [workload] file {file} cannot be read: {error}") from error
    blocks = parse_blocks(text)
    if not blocks and text.strip():
        raise ConfigError(f"{file}: no statement is named; put a line `-- name: NAME` above each")
    return tuple(Statement(text=block.text, name=block.name) for block in blocks)
